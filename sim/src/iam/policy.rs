//! A policy document, read strictly: what this simulator can't evaluate is refused when it is given, not passed over.
//!
//! Source: IAM guide, *IAM JSON policy elements reference*; matching of ARNs: *IAM JSON policy elements: Resource*
//! (wildcards hold within a segment); of actions and condition keys: case doesn't count.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Request;
use super::condition::Condition;

/// What a policy says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It may be made.
    Allow,
    /// It may not, whatever else allows it.
    Deny,
}

/// An identity-based policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    /// In lower case.
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DocumentSpec {
    version: String,
    #[serde(default, rename = "Id")]
    _id: Option<String>,
    statement: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatementSpec {
    #[serde(default)]
    sid: Option<String>,
    effect: String,
    action: Value,
    resource: Value,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Policy {
    /// Reads a document; the error names the statement and the field.
    pub fn read(document: &Value) -> Result<Self, String> {
        let spec = DocumentSpec::deserialize(document).map_err(|e| e.to_string())?;
        if spec.version != "2012-10-17" {
            return Err(format!("Version must be 2012-10-17, not {}", spec.version));
        }
        let statements = match spec.statement {
            Value::Array(all) => all,
            one => vec![one],
        };
        let statements = statements.iter().enumerate();
        let statements = statements
            .map(|(place, value)| statement(value).map_err(|e| format!("{}: {e}", name(place, value))));
        Ok(Self {
            statements: statements.collect::<Result<_, _>>()?,
        })
    }

    /// What it says of this request; `None`: nothing.
    pub fn effect_on(&self, request: &Request) -> Option<Effect> {
        let applying = self.statements.iter().filter(|s| s.applies(request));
        let effects: Vec<Effect> = applying.map(|s| s.effect).collect();
        if effects.contains(&Effect::Deny) {
            return Some(Effect::Deny);
        }
        effects.first().copied()
    }
}

impl Statement {
    fn applies(&self, request: &Request) -> bool {
        let action = request.action.to_lowercase();
        self.actions.iter().any(|pattern| like(pattern, &action))
            && self
                .resources
                .iter()
                .any(|pattern| arn_like(pattern, &request.resource))
            && self.conditions.iter().all(|condition| condition.holds(request))
    }
}

/// A statement, for people.
fn name(place: usize, value: &Value) -> String {
    let sid = value.get("Sid").and_then(Value::as_str);
    sid.map_or_else(
        || format!("Statement {}", place + 1),
        |sid| format!("Statement {sid}"),
    )
}

fn statement(value: &Value) -> Result<Statement, String> {
    let spec = StatementSpec::deserialize(value).map_err(|e| e.to_string())?;
    if let Some(sid) = &spec.sid
        && !sid.chars().all(|c| c.is_ascii_alphanumeric())
    {
        return Err(format!("Sid may hold letters and digits only, not `{sid}`"));
    }
    let effect = match spec.effect.as_str() {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        other => return Err(format!("Effect must be Allow or Deny, not {other}")),
    };
    let actions = texts("Action", &spec.action)?;
    let resources = texts("Resource", &spec.resource)?;
    for action in &actions {
        check_action(action)?;
    }
    for resource in &resources {
        check_resource(resource)?;
    }
    let mut conditions = Vec::new();
    for (operator, keys) in &spec.condition {
        for (key, value) in keys {
            let values = texts(key, value)?;
            conditions.push(Condition::read(operator, key, values)?);
        }
    }
    Ok(Statement {
        effect,
        actions: actions.iter().map(|action| action.to_lowercase()).collect(),
        resources,
        conditions,
    })
}

/// One text or a list of them; never none. Policy variables are refused: none is filled in here.
fn texts(field: &str, value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("{field} must be a text or a list of texts, at least one");
    let values = match value {
        Value::Array(all) if !all.is_empty() => all.as_slice(),
        Value::String(_) | Value::Bool(_) => std::slice::from_ref(value),
        _ => return Err(wrong()),
    };
    let text = |value: &Value| match value {
        Value::String(text) if text.contains("${") => Err(format!(
            "{field}: the simulator fills in no policy variables, such as in `{text}`"
        )),
        Value::String(text) => Ok(text.clone()),
        Value::Bool(yes) => Ok(yes.to_string()),
        _ => Err(wrong()),
    };
    values.iter().map(text).collect()
}

fn check_action(action: &str) -> Result<(), String> {
    let known = |(service, name): (&str, &str)| {
        !service.is_empty()
            && service.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"*?".contains(&b))
    };
    if action == "*" || action.split_once(':').is_some_and(known) {
        return Ok(());
    }
    Err(format!("Action `{action}` is not SERVICE:OPERATION"))
}

fn check_resource(resource: &str) -> Result<(), String> {
    if resource == "*" || resource.starts_with("arn:") && resource.split(':').count() >= 6 {
        return Ok(());
    }
    Err(format!(
        "Resource `{resource}` is neither * nor an ARN of six segments (arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE)"
    ))
}

/// Does the text fit the pattern, in which `*` is any run of characters and `?` any one?
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last star, and how far the text was when it was met: where to go on after a misfit.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// As [`like`], segment by segment: in an ARN a star doesn't reach over a colon, except in the last segment.
fn arn_like(pattern: &str, arn: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (patterns, segments): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    patterns.len() == segments.len() && patterns.iter().zip(segments).all(|(p, s)| like(p, s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_fit_as_in_iam() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("demo/*", "demo/shop/web", true),
            ("demo/*", "demo", false),
            ("demo", "demo2", false),
            ("d?mo", "demo", true),
            ("d?mo", "dmo", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("elasticache:describe*", "elasticache:describeevents", true),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_star_in_an_arn_stays_within_its_segment() {
        let arn = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions";
        for (pattern, fits) in [
            ("*", true),
            (arn, true),
            ("arn:aws:elasticache:*:*:replicationgroup:*", true),
            ("arn:aws:elasticache:*:*:replicationgroup:sess*", true),
            ("arn:aws:elasticache:*:*:*", true),
            ("arn:aws:elasticache:*:444455556666:replicationgroup:*", false),
            ("arn:aws:elasticache:*:*:cluster:*", false),
            ("arn:aws:elasticache:*:replicationgroup:*:x", false),
            ("arn:aws-cn:elasticache:*:*:replicationgroup:*", false),
        ] {
            assert_eq!(arn_like(pattern, arn), fits, "{pattern}");
        }
    }
}
