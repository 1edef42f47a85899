//! How a command reaches AWS, and where it takes the time from. Errors are sentences that say what to do.

use super::args::AwsArgs;
use crate::aws::types::AwsError;
use crate::aws::{self, Options};
use crate::clock::{AnyClock, RemoteClock, SystemClock};
use crate::topology::Region;
use anyhow::{Context as _, bail};
use aws_config::SdkConfig;

/// The machine's clock, or a rehearsal's. `client` is how we call ourselves there.
pub async fn clock(args: &AwsArgs, client: &str) -> anyhow::Result<AnyClock> {
    let Some(url) = &args.clock_url else {
        return Ok(AnyClock::System(SystemClock));
    };
    if !args.aws_endpoint_url.as_deref().is_some_and(is_loopback) {
        bail!(
            "--clock-url is for rehearsals only: it needs --aws-endpoint-url with a loopback address, such as \
             http://127.0.0.1:4599"
        );
    }
    let clock = RemoteClock::connect(url, client).await.context("--clock-url")?;
    Ok(AnyClock::Remote(clock))
}

/// `http://127.0.0.1:4599`, `http://localhost`, `http://[::1]:80`.
fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The SDK's configuration for a region; the region that the SDK knows of, when none is given.
pub async fn sdk(args: &AwsArgs, region: Option<Region>) -> anyhow::Result<(SdkConfig, Region)> {
    let config = aws::config(&Options {
        region,
        endpoint_url: args.aws_endpoint_url.clone(),
        profile: None,
    })
    .await;
    let Some(region) = config.region().map(|r| Region::new(r.as_ref())) else {
        bail!("no AWS region is known: give --region, or set AWS_REGION or a region in your AWS profile");
    };
    Ok((config, region))
}

/// An AWS error as a sentence with what to do first.
pub fn explained(error: &AwsError) -> anyhow::Error {
    match error.advice() {
        Some(advice) => anyhow::anyhow!("{advice} ({error})"),
        None => anyhow::anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_stays_on_this_machine() {
        for url in [
            "http://127.0.0.1:4599",
            "http://localhost:1/x",
            "http://[::1]:80",
            "http://127.9.9.9",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://elasticache.ap-northeast-2.amazonaws.com",
            "http://10.0.0.1:4599",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "127.0.0.1:4599",
            "http://[2001:db8::1]:80",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_clock_from_elsewhere_is_refused_for_real_aws() {
        for endpoint in [
            None,
            Some("https://elasticache.ap-northeast-2.amazonaws.com".to_owned()),
        ] {
            let args = AwsArgs {
                aws_endpoint_url: endpoint,
                clock_url: Some("http://127.0.0.1:1".to_owned()),
            };
            let error = clock(&args, "plan").await.unwrap_err().to_string();
            assert!(error.starts_with("--clock-url is for rehearsals only"), "{error}");
        }
    }
}
