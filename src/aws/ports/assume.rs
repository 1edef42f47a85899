//! Taking on a role.

use super::super::errors::UNREADABLE;
use super::super::role::{Role, SessionLabel};
use super::super::stats::CallObserver;
use super::super::types::{AwsError, ErrorClass};
use super::{Wire, actions};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_sdk_sts::types::Tag;
use std::sync::Arc;

/// How long a session lasts: the shortest that AWS gives, so that what leaks is worth little (STS API, `AssumeRole`,
/// `DurationSeconds`).
pub const SESSION_SECONDS: i32 = 900;

/// Assumes roles with the process's own credentials.
pub struct AssumeAws {
    sts: aws_sdk_sts::Client,
    wire: Wire,
}

/// A session as AWS gave it, good for [`SESSION_SECONDS`].
#[derive(Clone, Debug)]
pub struct Assumed {
    pub credentials: Credentials,
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session name>`.
    pub arn: String,
}

impl AssumeAws {
    pub fn new(config: &SdkConfig, observer: Arc<dyn CallObserver>) -> Self {
        let sts = aws_sdk_sts::config::Builder::from(config).retry_config(RetryConfig::disabled());
        Self {
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            wire: Wire::new(observer),
        }
    }

    /// One try. The session's tags need `sts:TagSession` beside `sts:AssumeRole`.
    pub async fn assume_role(&self, role: &Role, label: &SessionLabel) -> Result<Assumed, AwsError> {
        let tags = label
            .tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(value).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| unreadable(e.to_string()))?;
        let call = self.sts.assume_role().role_arn(&role.arn);
        let call = call
            .role_session_name(&label.name)
            .duration_seconds(SESSION_SECONDS)
            .set_external_id(role.external_id.clone())
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()));
        let out = self
            .wire
            .once(actions::ASSUME_ROLE, 0, |sent| {
                call.customize().interceptor(sent).send()
            })
            .await?;
        let (Some(keys), Some(user)) = (out.credentials(), out.assumed_role_user()) else {
            return Err(unreadable("the answer holds no credentials".to_owned()));
        };
        Ok(Assumed {
            credentials: Credentials::new(
                keys.access_key_id(),
                keys.secret_access_key(),
                Some(keys.session_token().to_owned()),
                None,
                "AWSAccount",
            ),
            arn: user.arn().to_owned(),
        })
    }
}

fn unreadable(message: String) -> AwsError {
    AwsError {
        class: ErrorClass::Unknown,
        service: actions::ASSUME_ROLE.service,
        operation: actions::ASSUME_ROLE.name,
        code: UNREADABLE.to_owned(),
        message,
        maybe_sent: true,
    }
}
