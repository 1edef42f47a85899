//! Pieces that the JSON formats share: closed sets of words as schemas, seconds, stack names.

use crate::topology::StackName;
use jiff::SignedDuration;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

/// A stack by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackRef {
    /// Namespace; `default` where the manifest gives none.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Name.
    pub name: String,
}

fn default_namespace() -> String {
    "default".to_owned()
}

impl From<&StackName> for StackRef {
    fn from(stack: &StackName) -> Self {
        Self {
            namespace: stack.namespace.clone(),
            name: stack.name.clone(),
        }
    }
}

impl From<&StackRef> for StackName {
    fn from(stack: &StackRef) -> Self {
        Self::new(&stack.namespace, &stack.name)
    }
}

/// A span of time as a number of seconds: whole where it is whole, otherwise with a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub SignedDuration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.subsec_nanos() == 0 {
            serializer.serialize_i64(self.0.as_secs())
        } else {
            serializer.serialize_f64(self.0.as_secs_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        SignedDuration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A century: more is a mistake, and no overflow comes near.
        json_schema!({"type": "number", "minimum": 0, "maximum": 3_155_760_000_u64})
    }
}

/// The schema of a format, without references, so that it can be read from top to bottom.
pub(super) fn schema_of<T: JsonSchema>(name: &str, contract: Contract) -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.contract = contract;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), name.into());
    schema.to_value()
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = [$($word:literal),+ $(,)?];)+) => {
        $(
            $(#[$doc])*
            pub(super) fn $name(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "enum": [$($word),+]})
            }
        )+

        /// Every set, for the test that holds them to the types.
        #[cfg(test)]
        const ALL: &[(&str, &[&str])] = &[$((stringify!($name), &[$($word),+])),+];
    };
}

words! {
    zone_state = ["Healthy", "Impaired", "Evacuating", "Unknown"];
    verdict = ["Survives", "Degraded", "Unknown", "Lost"];
    role = ["Primary", "Replica", "Standby", "Unknown"];
    health = ["Healthy", "Creating", "Down", "Unknown"];
    status = ["Available", "Creating", "Modifying", "Deleting", "Snapshotting", "CreateFailed", "Missing", "Denied", "Unknown"];
    kind = ["Cache"];
    mode = ["Observe", "Approve", "Enforce"];
    severity = ["Critical", "Warning", "Info"];
    class = ["Additive", "Disruptive"];
    cluster_mode = ["enabled", "disabled", "compatible"];
    durability = ["disabled", "async", "sync"];
    failover_class = ["Own", "Person", "Provider", "Unknown"];
    manager_kind = ["GlobalDatastore", "CloudFormation", "Outpost"];
    gap_kind = ["Description", "Metrics", "Events"];
}

/// A setting: its word, or true and false for enabled and disabled.
pub(super) fn switch(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "boolean"],
        "enum": ["enabled", "enabling", "disabled", "disabling", true, false],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::intent::Mode;
    use crate::plan::{ActionClass, Severity};
    use crate::topology::survival::Survival;
    use crate::topology::{
        ClusterMode, Durability, FailoverClass, Health, ResourceKind, ResourceStatus, Role, ZoneState,
    };
    use serde::de::DeserializeOwned;

    fn read<T: DeserializeOwned>(word: &str) -> bool {
        serde_json::from_value::<T>(word.into()).is_ok()
    }

    /// How many values the type has: the compiler's own list, found through its error text.
    fn values_of<T: DeserializeOwned>() -> usize {
        let error = serde_json::from_value::<T>("no such word".into())
            .err()
            .unwrap()
            .to_string();
        error.split("expected ").nth(1).unwrap().matches('`').count() / 2
    }

    fn check<T: DeserializeOwned>(name: &str, words: &[&str]) {
        for word in words {
            assert!(read::<T>(word), "{name} {word}");
        }
        assert_eq!(words.len(), values_of::<T>(), "{name} lacks a word");
    }

    #[test]
    fn every_set_of_words_is_the_type_that_it_stands_for() {
        for (name, words) in ALL {
            match *name {
                "zone_state" => check::<ZoneState>(name, words),
                "verdict" => check::<Survival>(name, words),
                "role" => check::<Role>(name, words),
                "health" => check::<Health>(name, words),
                "status" => check::<ResourceStatus>(name, words),
                "kind" => check::<ResourceKind>(name, words),
                "mode" => check::<Mode>(name, words),
                "severity" => check::<Severity>(name, words),
                "class" => check::<ActionClass>(name, words),
                "cluster_mode" => check::<ClusterMode>(name, words),
                "durability" => check::<Durability>(name, words),
                "failover_class" => check::<FailoverClass>(name, words),
                "manager_kind" => check::<super::super::snapshot::ManagerKind>(name, words),
                "gap_kind" => check::<super::super::snapshot::GapKind>(name, words),
                other => panic!("{other} stands for no type"),
            }
        }
    }

    #[test]
    fn seconds_are_whole_where_they_are_whole() {
        let shown = |d| serde_json::to_string(&Seconds(d)).unwrap();
        assert_eq!(shown(SignedDuration::from_secs(90)), "90");
        assert_eq!(shown(SignedDuration::from_millis(250)), "0.25");
        assert_eq!(shown(SignedDuration::ZERO), "0");
    }
}
