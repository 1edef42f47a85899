//! Condition operators and keys, those that can be evaluated here.
//!
//! Source: IAM guide, *IAM JSON policy elements: Condition operators* (an absent key fails every operator but negated
//! ones, `…IfExists` and `Null`), *Set operators for multivalued context keys* (`ForAllValues` holds for no values).

use super::Request;
use super::policy::like;

/// One operator on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    set: Set,
    test: Test,
    /// `…IfExists`: an absent key passes.
    if_exists: bool,
    key: Key,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// The key has one value.
    One,
    ForAllValues,
    ForAnyValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    NotEquals,
    Like,
    NotLike,
    Null,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    RequestedRegion,
    ResourceTag(String),
    RequestTag(String),
    TagKeys,
}

impl Condition {
    /// Reads one; an unknown operator or key is an error, for what is passed over would allow or deny too much.
    pub fn read(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let (set, rest) = if let Some(rest) = operator.strip_prefix("ForAllValues:") {
            (Set::ForAllValues, rest)
        } else if let Some(rest) = operator.strip_prefix("ForAnyValue:") {
            (Set::ForAnyValue, rest)
        } else {
            (Set::One, operator)
        };
        let (test, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let test = match test {
            "StringEquals" => Test::Equals,
            "StringNotEquals" => Test::NotEquals,
            "StringLike" => Test::Like,
            "StringNotLike" => Test::NotLike,
            "Null" if !if_exists => Test::Null,
            _ => {
                return Err(format!(
                    "the simulator doesn't know the condition operator {operator}"
                ));
            }
        };
        let key = Key::read(key)?;
        let many = key == Key::TagKeys && test != Test::Null;
        if many != (set != Set::One) {
            return Err(format!(
                "{operator} doesn't fit {}: ForAllValues and ForAnyValue are for aws:TagKeys, which needs one of them",
                key.name()
            ));
        }
        if test == Test::Null && !matches!(values.as_slice(), [one] if one == "true" || one == "false") {
            return Err(format!(
                "Null of {} must be true (absent) or false (present)",
                key.name()
            ));
        }
        Ok(Self {
            set,
            test,
            if_exists,
            key,
            values,
        })
    }

    /// Does the request meet it?
    pub fn holds(&self, request: &Request) -> bool {
        let present = self.key.values(request);
        match (self.test, self.set) {
            (Test::Null, _) => (self.values[0] == "true") == present.is_empty(),
            _ if present.is_empty() && self.if_exists => true,
            (_, Set::ForAllValues) => present.iter().all(|value| self.fits(value)),
            (Test::NotEquals | Test::NotLike, Set::One) => present.iter().all(|value| self.fits(value)),
            (_, Set::One | Set::ForAnyValue) => present.iter().any(|value| self.fits(value)),
        }
    }

    /// One value of the key against those of the policy: any of them will do; if negated, none may fit.
    fn fits(&self, value: &str) -> bool {
        let equals = || self.values.iter().any(|wanted| wanted == value);
        let is_like = || self.values.iter().any(|pattern| like(pattern, value));
        match self.test {
            Test::Equals => equals(),
            Test::NotEquals => !equals(),
            Test::Like => is_like(),
            Test::NotLike => !is_like(),
            Test::Null => false,
        }
    }
}

impl Key {
    fn read(name: &str) -> Result<Self, String> {
        let lower = name.to_lowercase();
        if let Some(tag) = lower.strip_prefix("aws:resourcetag/") {
            return Ok(Self::ResourceTag(tag.to_owned()));
        }
        if let Some(tag) = lower.strip_prefix("aws:requesttag/") {
            return Ok(Self::RequestTag(tag.to_owned()));
        }
        match lower.as_str() {
            "aws:tagkeys" => Ok(Self::TagKeys),
            "aws:requestedregion" => Ok(Self::RequestedRegion),
            _ => Err(format!("the simulator doesn't know the condition key {name}")),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::RequestedRegion => "aws:RequestedRegion".to_owned(),
            Self::ResourceTag(tag) => format!("aws:ResourceTag/{tag}"),
            Self::RequestTag(tag) => format!("aws:RequestTag/{tag}"),
            Self::TagKeys => "aws:TagKeys".to_owned(),
        }
    }

    /// Its values in the request; none when it is absent.
    fn values<'a>(&self, request: &'a Request) -> Vec<&'a str> {
        let of = |tags: &'a std::collections::BTreeMap<String, String>, wanted: &str| {
            let named = tags.iter().filter(|(key, _)| key.to_lowercase() == wanted);
            named.map(|(_, value)| value.as_str()).collect()
        };
        match self {
            Self::RequestedRegion => vec![request.region.as_str()],
            Self::ResourceTag(tag) => of(&request.resource_tags, tag),
            Self::RequestTag(tag) => of(&request.written_tags, tag),
            Self::TagKeys => request.written_tags.keys().map(String::as_str).collect(),
        }
    }
}
