//! The clock that a command runs on: the machine's, or a rehearsal's.

use super::args::AwsArgs;
use crate::aws;
use crate::clock::{AnyClock, RemoteClock, SystemClock};
use anyhow::{Context as _, bail};

/// The machine's clock, unless `--clock-url` names another. A rehearsal's clock is refused unless AWS is a rehearsal's
/// too: its endpoint must be on this machine.
pub async fn clock(args: &AwsArgs) -> anyhow::Result<AnyClock> {
    let Some(url) = &args.clock_url else {
        return Ok(AnyClock::System(SystemClock));
    };
    let options = aws::Options {
        endpoint_url: args.aws_endpoint_url.clone(),
        ..aws::Options::default()
    };
    let config = aws::config(&options).await;
    match config.endpoint_url() {
        Some(endpoint) if is_loopback(endpoint) => {}
        Some(endpoint) => bail!(
            "--clock-url is for rehearsals only, and AWS calls go to {endpoint}: leave it out, or give a simulator's \
             address on this machine with --aws-endpoint-url"
        ),
        None => bail!(
            "--clock-url is for rehearsals only, and AWS calls go to AWS itself: leave it out, or give a simulator's \
             address on this machine with --aws-endpoint-url"
        ),
    }
    let client = format!("evenkeel-{}", std::process::id());
    let clock = RemoteClock::connect(url, client)
        .await
        .context("the rehearsal's clock can't be used")?;
    Ok(AnyClock::Remote(clock))
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(v6) = host_port.strip_prefix('[') {
        let address = v6.split(']').next().unwrap_or_default();
        return address
            .parse::<std::net::Ipv6Addr>()
            .is_ok_and(|a| a.is_loopback());
    }
    let host = host_port.split(':').next().unwrap_or_default();
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_a_rehearsal_s() {
        for url in [
            "http://127.0.0.1:4599",
            "http://localhost:4599/",
            "http://[::1]:4599",
            "https://127.0.0.2",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://elasticache.eu-west-1.amazonaws.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://10.0.0.1:4599",
            "http://[fe80::1]",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_rehearsal_s_clock_never_goes_with_the_real_aws() {
        let args = AwsArgs {
            aws_endpoint_url: Some("https://elasticache.eu-west-1.amazonaws.com".to_owned()),
            clock_url: Some("http://127.0.0.1:4599".to_owned()),
        };
        let error = clock(&args).await.unwrap_err().to_string();
        assert!(error.starts_with("--clock-url is for rehearsals only"), "{error}");
    }
}
