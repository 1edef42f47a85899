//! Who calls: read from the SigV4 header, without checking the signature (no secret is known here).
//!
//! The region is that of the credential scope, the account that of the access key; temporary keys need their token and
//! expire. A request must be signed by the machine's time, whatever time is simulated: a client that signs with another
//! clock would be refused by AWS too. Source: IAM guide *AWS Signature Version 4 for API requests*.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

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

/// How far a request's date may lie from the machine's.
const DATE_LEEWAY: SignedDuration = SignedDuration::from_mins(15);

/// Reads the Authorization header and the request's date. `now` is the machine's time.
pub fn scope(headers: &HeaderMap, now: Timestamp) -> Result<Scope, ApiError> {
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
    let signed_at = headers.get("x-amz-date").and_then(|value| value.to_str().ok());
    let signed_at = signed_at.ok_or_else(incomplete)?;
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
            if signed_at.split('T').next() == Some(date) && !region.is_empty() =>
        {
            in_time(signed_at, now)?;
            Ok(Scope {
                access_key: key.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            })
        }
        _ => Err(incomplete()),
    }
}

/// Refuses a date that is not about now.
fn in_time(signed_at: &str, now: Timestamp) -> Result<(), ApiError> {
    let at = DateTime::strptime("%Y%m%dT%H%M%SZ", signed_at)
        .and_then(|at| at.to_zoned(TimeZone::UTC))
        .map_err(|_| {
            let text = format!("Date must be in ISO-8601 'basic format'. Got '{signed_at}'.");
            ApiError::new("IncompleteSignature", 400, text)
        })?
        .timestamp();
    let compact = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let refuse = |text| Err(ApiError::new("SignatureDoesNotMatch", 403, text));
    if at < now - DATE_LEEWAY {
        let oldest = compact(now - DATE_LEEWAY);
        let text = format!("Signature expired: {signed_at} is now earlier than {oldest}");
        return refuse(text);
    }
    if at > now + DATE_LEEWAY {
        let newest = compact(now + DATE_LEEWAY);
        let text = format!("Signature not yet current: {signed_at} is still later than {newest}");
        return refuse(text);
    }
    Ok(())
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
    let (account, arn, tags) = if let Some(session) = sessions.get(key) {
        if token != Some(session.token.as_str()) {
            return Err(invalid());
        }
        if session.expires <= now {
            let text = "The security token included in the request is expired";
            return Err(ApiError::new("ExpiredToken", 403, text));
        }
        (session.account.clone(), session.arn.clone(), session.tags.clone())
    } else if !well_formed || key.starts_with("ASIASIM") {
        return Err(invalid());
    } else {
        let account = world
            .accounts
            .get(key)
            .unwrap_or(&world.default_place.account)
            .clone();
        let arn = format!("arn:aws:iam::{account}:user/{}", key.to_lowercase());
        (account, arn, BTreeMap::new())
    };
    let place = Place {
        account,
        region: scope.region.clone(),
    };
    Ok(Caller {
        access_key: key.clone(),
        place,
        arn,
        tags,
        by: "api".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-02T00:10:00Z".parse().unwrap()
    }

    fn headers(authorization: &str, date: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().unwrap());
        headers.insert("x-amz-date", date.parse().unwrap());
        headers
    }

    fn signed(date: &str, day: &str) -> HeaderMap {
        let signature = "a".repeat(64);
        let header = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE000000001/{day}/ap-northeast-2/elasticache/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        headers(&header, date)
    }

    fn refusal(headers: &HeaderMap) -> (u16, String) {
        let error = scope(headers, now()).unwrap_err();
        (error.status, error.code.into_owned())
    }

    #[test]
    fn the_scope_gives_key_region_and_service() {
        let scope = scope(&signed("20260302T000000Z", "20260302"), now()).unwrap();
        assert_eq!(scope.access_key, "AKIAEXAMPLE000000001");
        assert_eq!(scope.region, "ap-northeast-2");
        assert_eq!(service(&scope).unwrap(), Service::ElastiCache);
    }

    #[test]
    fn half_a_signature_is_refused() {
        let half = headers(
            "AWS4-HMAC-SHA256 Credential=A/20260302/r/elasticache/aws4_request",
            "20260302T000000Z",
        );
        assert_eq!(refusal(&half), (400, "IncompleteSignature".to_owned()));
        assert_eq!(
            refusal(&HeaderMap::new()),
            (403, "MissingAuthenticationToken".to_owned())
        );
        let mut undated = signed("20260302T000000Z", "20260302");
        undated.remove("x-amz-date");
        assert_eq!(refusal(&undated), (400, "IncompleteSignature".to_owned()));
    }

    #[test]
    fn a_request_that_is_not_signed_about_now_is_refused() {
        for (date, day, code) in [
            ("20260301T235459Z", "20260301", "SignatureDoesNotMatch"),
            ("20260302T002501Z", "20260302", "SignatureDoesNotMatch"),
            ("20260302T000000Z", "20260301", "IncompleteSignature"),
            ("20260302T00", "20260302", "IncompleteSignature"),
        ] {
            assert_eq!(refusal(&signed(date, day)).1, code, "{date} {day}");
        }
        assert!(scope(&signed("20260301T235500Z", "20260301"), now()).is_ok());
        assert!(scope(&signed("20260302T002500Z", "20260302"), now()).is_ok());
    }
}
