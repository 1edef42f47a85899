# The image of Evenkeel: docker build -t localhost/evenkeel:dev .
# What ships is built by hack/release --release, which wants both images named by digest (docs/release.md).
ARG BUILDER=docker.io/library/rust:1.95.0-bookworm
# Holds the C library that the builder links against and the public certificate authorities; has no shell.
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER} AS dependencies
WORKDIR /src
# Crates of others, compiled for empty sources of our own: built anew only when a manifest or Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
COPY core/Cargo.toml core/
COPY core/tests/support/Cargo.toml core/tests/support/
COPY examples/demo/Cargo.toml examples/demo/
COPY sim/Cargo.toml sim/
COPY testkit/Cargo.toml testkit/
COPY tests/support/Cargo.toml tests/support/
RUN mkdir -p src core/src core/benches core/tests/support/src sim/src testkit/src tests/support/src benches/scale \
    && touch src/lib.rs core/src/lib.rs core/tests/support/src/lib.rs sim/src/lib.rs testkit/src/lib.rs tests/support/src/lib.rs core/benches/plan.rs benches/scale/main.rs \
    && echo 'fn main() {}' > src/main.rs && cp src/main.rs examples/demo/ \
    && cargo build --locked --release --package evenkeel --bin evenkeel \
    && cargo clean --locked --release --package evenkeel --package evenkeel-core

FROM dependencies AS build
COPY core/src core/src
COPY src src
RUN cargo build --locked --release --package evenkeel --bin evenkeel \
    && mv target/release/evenkeel /evenkeel \
    && rm -r target

FROM ${BASE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="evenkeel" \
      org.opencontainers.image.description="Keeps AWS stacks able to lose an Availability Zone" \
      org.opencontainers.image.source="https://github.com/evenkeel-dev/evenkeel" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /evenkeel /usr/local/bin/evenkeel
# The C library else keeps a pool of free memory for each thread; a loop that mostly waits needs one.
ENV MALLOC_ARENA_MAX=1
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/evenkeel"]
