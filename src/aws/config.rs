//! The SDK's own configuration, with our timeouts and without its retries.
//!
//! Credentials, profiles, regions and `AWS_ENDPOINT_URL` are found as every AWS tool finds them (environment,
//! shared files, SSO, IRSA, Pod Identity, instance profile). Requests are signed with real time.

use crate::topology::Region;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use std::time::Duration;

/// What the command line may override; `None` leaves it to the SDK's chain.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub region: Option<Region>,
    /// `--aws-endpoint-url`: another endpoint for every service.
    pub endpoint_url: Option<String>,
    pub profile: Option<String>,
}

/// One connection attempt; AWS answers these APIs from within the region.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One request with its answer. A mutating call that takes longer is `MaybeCalled`.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Loads the SDK's configuration. Reads the environment and shared files; calls nobody.
///
/// [`SdkConfig::region`] is `None` when neither the options nor the chain name a region.
pub async fn config(options: &Options) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    if let Some(region) = &options.region {
        loader = loader.region(aws_config::Region::new(region.as_str().to_owned()));
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}
