//! How a command reaches AWS. Errors are sentences that say what to do.

use super::args::AwsArgs;
use crate::aws::types::AwsError;
use crate::aws::{self, Options};
use crate::topology::Region;
use anyhow::bail;
use aws_config::SdkConfig;

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
