//! AWS STS: GetCallerIdentity and AssumeRole (API reference 2011-06-15).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::units::stamp;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

use super::{ApiError, Ctx};

/// The API version that forms carry.
pub const VERSION: &str = "2011-06-15";
/// The namespace of replies.
pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Temporary credentials of a role.
#[derive(Clone, Debug)]
pub struct Session {
    /// `ASIA…`.
    pub access_key: String,
    /// The token that must come with it.
    pub token: String,
    /// The role's account.
    pub account: String,
    /// The assumed role's ARN.
    pub arn: String,
    /// Session tags by key.
    pub tags: BTreeMap<String, String>,
    /// Expiry, on the clock that the world's switch names.
    pub expires: Timestamp,
}

/// Runs an operation; a new session, if one was made, is the second value.
pub fn dispatch(
    ctx: &mut Ctx<'_>,
    action: &str,
    params: Params,
    credentials_now: Timestamp,
) -> Result<(String, Option<Session>), ApiError> {
    match action {
        "GetCallerIdentity" => {
            params.finish()?;
            let mut xml = Xml::default();
            xml.text("Arn", &ctx.caller.arn);
            xml.text("UserId", &ctx.caller.access_key);
            xml.text("Account", &ctx.caller.place.account);
            Ok((xml.finish(), None))
        }
        "AssumeRole" => assume_role(ctx, params, credentials_now),
        other => Err(ApiError::unknown(
            "InvalidAction",
            format!("The simulator has no operation STS {other}."),
        )),
    }
}

fn assume_role(
    ctx: &mut Ctx<'_>,
    mut params: Params,
    now: Timestamp,
) -> Result<(String, Option<Session>), ApiError> {
    let role = params.required("RoleArn")?;
    let name = params.required("RoleSessionName")?;
    let external_id = params.take("ExternalId");
    let seconds = params.integer("DurationSeconds")?.unwrap_or(3600);
    let tags = session_tags(&mut params)?;
    params.finish()?;
    if !(900..=43_200).contains(&seconds) {
        return Err(ApiError::new(
            "ValidationError",
            400,
            format!("durationSeconds must be between 900 and 43200, not {seconds}"),
        ));
    }
    let letters = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&name.len()) || !name.chars().all(letters) {
        let text = format!("roleSessionName must be 2 to 64 letters, digits or _+=,.@-, not `{name}`");
        return Err(ApiError::new("ValidationError", 400, text));
    }
    let (account, role_name) = parse_role(&role)?;
    let denied = |action: &str| {
        let who = &ctx.caller.arn;
        let text = format!("User: {who} is not authorized to perform: {action} on resource: {role}");
        Err(ApiError::new("AccessDenied", 403, text))
    };
    match ctx.world.roles.get(&role) {
        Some(known) if known.external_id.is_some() && known.external_id != external_id => {
            return denied("sts:AssumeRole");
        }
        Some(known) if !tags.is_empty() && !known.tag_session => return denied("sts:TagSession"),
        Some(known) if !known.required_tags.iter().all(|key| tags.contains_key(key)) => {
            return denied("sts:AssumeRole");
        }
        None if !ctx.world.roles.is_empty() => return denied("sts:AssumeRole"),
        _ => {}
    }
    let number = ctx.world.number();
    let session = Session {
        access_key: format!("ASIASIM{number:013}"),
        token: format!("sim-session-token-{number}"),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"),
        account,
        tags,
        expires: now + SignedDuration::from_secs(seconds),
    };
    let mut xml = Xml::default();
    xml.node("AssumedRoleUser", |x| {
        x.text("AssumedRoleId", format!("AROASIM:{name}"));
        x.text("Arn", &session.arn);
    });
    xml.node("Credentials", |x| {
        x.text("AccessKeyId", &session.access_key);
        x.text("SecretAccessKey", format!("sim-secret-{number}"));
        x.text("SessionToken", &session.token);
        x.text("Expiration", stamp(session.expires));
    });
    Ok((xml.finish(), Some(session)))
}

/// `Tags.member.N.{Key,Value}`, within the limits of API shape `Tag` and of the IAM guide, *Passing session tags in AWS
/// STS*: 50 tags, keys that differ in more than case.
fn session_tags(params: &mut Params) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = |text: String| ApiError::new("ValidationError", 400, text);
    let mut tags = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for mut tag in params.structures("Tags", "member")?.unwrap_or_default() {
        let (key, value) = (tag.required("Key")?, tag.take("Value").unwrap_or_default());
        tag.finish()?;
        let fits = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        let long = key.chars().count() > 128 || value.chars().count() > 256;
        if long || !key.chars().chain(value.chars()).all(fits) || key.to_lowercase().starts_with("aws:") {
            return Err(invalid(format!(
                "the session tag `{key}` = `{value}` is not valid"
            )));
        }
        if !keys.insert(key.to_lowercase()) {
            return Err(invalid(format!("the session tag `{key}` is given twice")));
        }
        tags.insert(key, value);
    }
    if tags.len() > 50 {
        return Err(invalid(format!("{} session tags are more than 50", tags.len())));
    }
    Ok(tags)
}

fn parse_role(arn: &str) -> Result<(String, String), ApiError> {
    let problem = || ApiError::new("ValidationError", 400, format!("{arn} is invalid"));
    let rest = arn.strip_prefix("arn:aws:iam::").ok_or_else(problem)?;
    let (account, role) = rest.split_once(":role/").ok_or_else(problem)?;
    let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    if !digits || role.is_empty() {
        return Err(problem());
    }
    Ok((
        account.to_owned(),
        role.rsplit('/').next().unwrap_or(role).to_owned(),
    ))
}
