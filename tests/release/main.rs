//! What a release ships, as `hack/release` builds it: the image on stand-ins for its bases, the program out of it, the
//! chart, manifests and definitions, the list of what it is made of. Everything is used from the folder of the release,
//! as somebody who downloaded it would; only the image is started without a container engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dockerfiles;
mod fit;
mod image;
mod install;
mod sbom;
mod support;
mod versions;
