//! Who calls: read from the SigV4 header, without checking the signature (no secret is known here).
//!
//! The region is that of the credential scope, the account that of the access key; temporary keys need their token and
//! expire. Source: IAM guide *AWS Signature Version 4 for API requests*.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use jiff::Timestamp;

use crate::service::sts::Session;
use crate::service::{ApiError, Caller, Service};
use crate::world::{Place, World};

/// The parts of a credential scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Access key id.
    pub access_key: String,
    /// Region.
    pub region: String,
    /// Service name as signed.
    pub service: String,
}

/// Reads the Authorization header.
pub fn scope(headers: &HeaderMap) -> Result<Scope, ApiError> {
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| {
            ApiError::new(
                "MissingAuthenticationToken",
                403,
                "Request is missing Authentication Token",
            )
        })?;
    let incomplete = || {
        ApiError::new(
            "IncompleteSignature",
            400,
            "Authorization header is not a complete AWS Signature Version 4.",
        )
    };
    let fields = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(incomplete)?;
    let field = |name: &str| {
        fields
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name))
            .and_then(|rest| rest.strip_prefix('='))
    };
    let credential = field("Credential").ok_or_else(incomplete)?;
    field("SignedHeaders")
        .filter(|text| !text.is_empty())
        .ok_or_else(incomplete)?;
    field("Signature")
        .filter(|text| text.len() == 64)
        .ok_or_else(incomplete)?;
    if !headers.contains_key("x-amz-date") && !headers.contains_key("date") {
        return Err(incomplete());
    }
    let mut parts = credential.rsplitn(5, '/');
    let (end, service, region, date, key) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    );
    match (end, service, region, date, key) {
        (Some("aws4_request"), Some(service), Some(region), Some(date), Some(key))
            if date.len() == 8 && !region.is_empty() =>
        {
            Ok(Scope {
                access_key: key.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            })
        }
        _ => Err(incomplete()),
    }
}

/// The service that a scope is for.
pub fn service(scope: &Scope) -> Result<Service, ApiError> {
    Service::from_scope(&scope.service).ok_or_else(|| {
        let text = format!("The simulator has no service {}.", scope.service);
        ApiError::new("UnknownService", 400, text)
    })
}

/// Who holds an access key. `now` is on the clock by which credentials expire.
pub fn caller(
    scope: &Scope,
    headers: &HeaderMap,
    world: &World,
    sessions: &BTreeMap<String, Session>,
    now: Timestamp,
) -> Result<Caller, ApiError> {
    let key = &scope.access_key;
    let token = headers
        .get("x-amz-security-token")
        .and_then(|value| value.to_str().ok());
    let invalid = || {
        ApiError::new(
            "InvalidClientTokenId",
            403,
            "The security token included in the request is invalid.",
        )
    };
    let well_formed =
        (16..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let (account, arn) = if let Some(session) = sessions.get(key) {
        if token != Some(session.token.as_str()) {
            return Err(invalid());
        }
        if session.expires <= now {
            let text = "The security token included in the request is expired";
            return Err(ApiError::new("ExpiredToken", 403, text));
        }
        (session.account.clone(), session.arn.clone())
    } else if !well_formed || key.starts_with("ASIASIM") {
        return Err(invalid());
    } else {
        let account = world
            .accounts
            .get(key)
            .unwrap_or(&world.default_place.account)
            .clone();
        let arn = format!("arn:aws:iam::{account}:user/{}", key.to_lowercase());
        (account, arn)
    };
    let place = Place {
        account,
        region: scope.region.clone(),
    };
    Ok(Caller {
        access_key: key.clone(),
        place,
        arn,
        by: "api".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().unwrap());
        headers.insert("x-amz-date", "20260302T000000Z".parse().unwrap());
        headers
    }

    #[test]
    fn the_scope_gives_key_region_and_service() {
        let signature = "a".repeat(64);
        let header = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE000000001/20260302/ap-northeast-2/elasticache/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let scope = scope(&headers(&header)).unwrap();
        assert_eq!(scope.access_key, "AKIAEXAMPLE000000001");
        assert_eq!(scope.region, "ap-northeast-2");
        assert_eq!(service(&scope).unwrap(), Service::ElastiCache);
    }

    #[test]
    fn half_a_signature_is_refused() {
        let error = scope(&headers(
            "AWS4-HMAC-SHA256 Credential=A/20260302/r/elasticache/aws4_request",
        ))
        .unwrap_err();
        assert_eq!(error.code, "IncompleteSignature");
        assert_eq!(
            scope(&HeaderMap::new()).unwrap_err().code,
            "MissingAuthenticationToken"
        );
    }
}
