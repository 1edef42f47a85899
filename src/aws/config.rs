//! The SDK's own configuration, with our timeouts and without its retries.
//!
//! Credentials, profiles, regions and `AWS_ENDPOINT_URL` are found as every AWS tool finds them (environment,
//! shared files, SSO, IRSA, Pod Identity, instance profile). Requests are signed with real time.

use crate::topology::Region;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
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
    without_blank_endpoints(&loader.load().await)
}

/// `AWS_ENDPOINT_URL=""` and `AWS_ENDPOINT_URL_ELASTICACHE=""` count as not set, as they do for the AWS CLI. The SDK
/// would take them for addresses.
fn without_blank_endpoints(loaded: &SdkConfig) -> SdkConfig {
    let url = loaded.endpoint_url().filter(|url| !is_blank(url));
    let mut builder = loaded.to_builder();
    builder.set_endpoint_url(url.map(str::to_owned));
    builder.set_service_config(Some(NoBlanks(loaded.clone())));
    builder.build()
}

/// The settings of single services as loaded, blank ones left out.
#[derive(Debug)]
struct NoBlanks(SdkConfig);

impl LoadServiceConfig for NoBlanks {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let value = self.0.service_config()?.load_config(key)?;
        Some(value).filter(|value| !is_blank(value))
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Given(&'static str);

    impl LoadServiceConfig for Given {
        fn load_config(&self, _key: ServiceConfigKey<'_>) -> Option<String> {
            Some(self.0.to_owned())
        }
    }

    #[test]
    fn a_blank_endpoint_counts_as_not_set() {
        let endpoints = |everywhere: &str, of_service: &'static str| {
            let loaded = SdkConfig::builder()
                .endpoint_url(everywhere)
                .service_config(Given(of_service))
                .build();
            let config = without_blank_endpoints(&loaded);
            let key = ServiceConfigKey::builder()
                .service_id("ElastiCache")
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build()
                .unwrap();
            let of_service = config.service_config().unwrap().load_config(key);
            (config.endpoint_url().map(str::to_owned), of_service)
        };
        assert_eq!(endpoints("", " "), (None, None));
        let url = || Some("http://127.0.0.1:4599".to_owned());
        assert_eq!(
            endpoints("http://127.0.0.1:4599", "http://127.0.0.1:4599"),
            (url(), url())
        );
    }
}
