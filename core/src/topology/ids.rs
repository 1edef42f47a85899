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
