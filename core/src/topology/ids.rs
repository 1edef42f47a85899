//! Identifiers as types of their own, so that a zone can't be passed where a node is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self::new(value)
            }
        }
    };
}

id!(
    /// An Availability Zone by name, such as `ap-northeast-2a`.
    ZoneName
);
id!(
    /// An Availability Zone by id, such as `apne2-az1`: the same in every account.
    ZoneId
);
id!(
    /// A region, such as `ap-northeast-2`.
    Region
);
id!(
    /// An AWS account, twelve digits.
    AccountId
);
id!(
    /// A component's name within its stack.
    ComponentName
);
id!(
    /// A shard within its component: an ElastiCache node group id, such as `0001`.
    ShardId
);
id!(
    /// A node: an ElastiCache cache cluster id, such as `sessions-0001-002`.
    NodeId
);

impl ZoneName {
    /// It is a zone that fails by itself: its name is a region's and one letter, `us-west-2a`. A Local Zone
    /// (`us-west-2-lax-1a`) or a Wavelength Zone (`us-west-2-wl1-las-wlz-1`) hangs on one of them, and AWS's answers don't
    /// say on which (EC2 User Guide, "Local Zones": each has a parent zone). A single word, as in examples, is one.
    pub fn is_availability_zone(&self) -> bool {
        let mut words = self.as_str().rsplit('-');
        let last = words.next().unwrap_or_default();
        let number = last.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let numbered = last.len() == number.len() + 1 && number.bytes().all(|b| b.is_ascii_digit());
        let mut words = words.peekable();
        words.peek().is_none()
            || (numbered && !number.is_empty() && words.all(|w| w.bytes().all(|b| b.is_ascii_lowercase())))
    }
}

/// A stack, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StackName {
    pub namespace: String,
    pub name: String,
}

impl StackName {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_region_and_one_letter_is_a_zone_that_fails_by_itself() {
        for zone in [
            "ap-northeast-2a",
            "us-gov-west-1b",
            "cn-north-1a",
            "us-east-10f",
            "a",
        ] {
            assert!(ZoneName::from(zone).is_availability_zone(), "{zone}");
        }
        for zone in [
            "us-west-2-lax-1a",
            "us-west-2-wl1-las-wlz-1",
            "us-west-2",
            "us-west-2ab",
            "us-west-a",
            "us-west-2A",
            "us-west-",
        ] {
            assert!(!ZoneName::from(zone).is_availability_zone(), "{zone}");
        }
    }
}
