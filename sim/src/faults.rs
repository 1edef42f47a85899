//! Fault rules: what goes wrong, for which calls, how often.
//!
//! A rule has matchers (all given ones must match), selectors (which of the matching calls) and exactly one effect. All
//! rules that fire on a call act together. Rules are seeded, so a run can be repeated.

use jiff::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::service::{ApiError, Quirks};
use crate::units::{Moment, Span};

/// A rule as written. An effect may stand on its own (`throttle: true`) or under `effect` (`effect: throttle`).
#[expect(clippy::struct_excessive_bools, reason = "each is a word that people write")]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleSpec {
    /// A name; a number when absent.
    pub id: Option<String>,
    /// elasticache, cloudwatch or sts.
    pub service: Option<String>,
    /// Operation name.
    pub operation: Option<String>,
    /// Replication group id (or, for `dropPoints`, also a node id).
    pub target: Option<String>,
    /// Account id.
    pub account: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Chance of each matching call.
    pub probability: Option<f64>,
    /// Only the first so many matching calls.
    pub times: Option<u64>,
    /// Simulated instant, or offset from when the rule was added.
    pub from: Option<Moment>,
    /// As `from`.
    pub until: Option<Moment>,
    /// 400 Throttling.
    #[serde(skip_serializing_if = "is_false")]
    pub throttle: bool,
    /// Any error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorSpec>,
    /// Answer late (real time; divided by the speed of an accelerated clock).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Span>,
    /// Close the connection before anything is done.
    #[serde(skip_serializing_if = "is_false")]
    pub reset_before: bool,
    /// Do it, then close the connection without an answer.
    #[serde(skip_serializing_if = "is_false")]
    pub reset_after: bool,
    /// Hang before or after doing it, until released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldPoint>,
    /// Answer from the world as it was so long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Span>,
    /// At most so many records a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_pages: Option<usize>,
    /// CloudWatch has no points.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_points: bool,
    /// AWS blocks TestFailover.
    #[serde(skip_serializing_if = "is_false")]
    pub test_failover_blocked: bool,
    /// A zone has no capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacitySpec>,
    /// Accepted, and undone later.
    #[serde(skip_serializing_if = "is_false")]
    pub rollback: bool,
    /// The answer's body ends after this share of it, and its length says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// An error to answer with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSpec {
    /// Wire code.
    pub code: String,
    /// HTTP status; what AWS uses for the code when absent.
    #[serde(default)]
    pub status: Option<u16>,
    /// For people.
    #[serde(default)]
    pub message: Option<String>,
}

/// A zone without capacity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacitySpec {
    /// Its name.
    pub zone: String,
}

/// Where a call hangs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldPoint {
    /// Nothing is done yet.
    Before,
    /// It is done, not answered.
    After,
}

/// A valid rule: exactly one effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct FaultSpec(pub RuleSpec);

impl TryFrom<serde_json::Value> for FaultSpec {
    type Error = String;

    fn try_from(mut value: serde_json::Value) -> Result<Self, String> {
        let map = value.as_object_mut().ok_or("a fault rule is a map")?;
        match map.remove("effect") {
            Some(serde_json::Value::String(word)) => {
                map.insert(word, true.into());
            }
            Some(serde_json::Value::Object(effect)) => map.extend(effect),
            Some(other) => return Err(format!("effect is a word or a map, not {other}")),
            None => {}
        }
        let rule: RuleSpec = serde_json::from_value(value).map_err(|e| format!("not a fault rule: {e}"))?;
        if rule.cut.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            return Err("cut is the share of the body that is left, from 0 to less than 1".to_owned());
        }
        match rule.effects() {
            1 => Ok(Self(rule)),
            n => Err(format!(
                "a fault rule has exactly one effect (throttle, error, latency, resetBefore, resetAfter, hold, stale, \
                 shortPages, dropPoints, testFailoverBlocked, capacity, rollback, cut), not {n}"
            )),
        }
    }
}

impl RuleSpec {
    fn effects(&self) -> usize {
        let flags = [
            self.throttle,
            self.error.is_some(),
            self.latency.is_some(),
            self.reset_before,
            self.reset_after,
            self.hold.is_some(),
            self.stale.is_some(),
            self.short_pages.is_some(),
            self.drop_points,
            self.test_failover_blocked,
            self.capacity.is_some(),
            self.rollback,
            self.cut.is_some(),
        ];
        flags.iter().filter(|set| **set).count()
    }

    /// Can the effect show on this operation at all? Others are not counted by `times`.
    fn concerns(&self, operation: &str) -> bool {
        if self.drop_points {
            return operation == "GetMetricData";
        }
        if self.test_failover_blocked {
            return operation == "TestFailover";
        }
        if self.capacity.is_some() {
            return [
                "IncreaseReplicaCount",
                "CreateReplicationGroup",
                "ModifyReplicationGroupShardConfiguration",
            ]
            .contains(&operation);
        }
        if self.rollback {
            return ["Increase", "Decrease", "Modify"]
                .iter()
                .any(|prefix| operation.starts_with(prefix));
        }
        if self.stale.is_some() || self.short_pages.is_some() {
            return operation.starts_with("Describe") || operation == "GetMetricData";
        }
        true
    }
}

/// What a rule looks at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Service word.
    pub service: &'a str,
    /// Operation name.
    pub operation: &'a str,
    /// Replication group, if the call names one.
    pub target: Option<&'a str>,
    /// Account id.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
}

/// What happens to one call.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Answer this instead.
    pub error: Option<ApiError>,
    /// Answer late.
    pub latency: Option<Span>,
    /// Close the connection first.
    pub reset_before: bool,
    /// Close the connection afterwards.
    pub reset_after: bool,
    /// Leave only this share of the body.
    pub cut: Option<f64>,
    /// Hang before (rule id).
    pub hold_before: Option<String>,
    /// Hang after (rule id).
    pub hold_after: Option<String>,
    /// For the operation.
    pub quirks: Quirks,
    /// Rules that fired.
    pub fired: Vec<String>,
}

/// A rule in force.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// Matching calls so far.
    pub matched: u64,
    /// Of these, how many it acted on.
    pub fired: u64,
    /// Calls hanging right now.
    pub held: u64,
    /// Times released.
    pub released: u64,
    /// As written.
    pub rule: RuleSpec,
    #[serde(skip)]
    from: Option<Timestamp>,
    #[serde(skip)]
    until: Option<Timestamp>,
}

impl Rule {
    fn matches(&self, facts: &Facts<'_>, now: Timestamp) -> bool {
        let rule = &self.rule;
        let same =
            |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w.eq_ignore_ascii_case(is));
        same(&rule.service, facts.service)
            && same(&rule.operation, facts.operation)
            && same(&rule.account, facts.account)
            && same(&rule.region, facts.region)
            && (rule.drop_points || rule.target.is_none() || rule.target.as_deref() == facts.target)
            && self.from.is_none_or(|from| now >= from)
            && self.until.is_none_or(|until| now < until)
            && rule.concerns(facts.operation)
    }

    fn act(&self, outcome: &mut Outcome, now: Timestamp) {
        let rule = &self.rule;
        let quirks = &mut outcome.quirks;
        if rule.throttle {
            outcome.error.get_or_insert_with(ApiError::throttled);
        }
        if let Some(error) = &rule.error {
            outcome.error.get_or_insert_with(|| error.to_api());
        }
        if rule.latency.is_some() {
            outcome.latency = outcome.latency.max(rule.latency);
        }
        outcome.cut = rule.cut.or(outcome.cut);
        outcome.reset_before |= rule.reset_before;
        outcome.reset_after |= rule.reset_after;
        match rule.hold {
            Some(HoldPoint::Before) => outcome.hold_before = Some(self.id.clone()),
            Some(HoldPoint::After) => outcome.hold_after = Some(self.id.clone()),
            None => {}
        }
        if let Some(age) = rule.stale {
            quirks.as_of = Some(now - age.0);
        }
        if rule.short_pages.is_some() {
            quirks.page_limit = rule.short_pages;
        }
        if rule.drop_points {
            quirks.drop_points.push(rule.target.clone());
        }
        quirks.test_failover_blocked |= rule.test_failover_blocked;
        if let Some(capacity) = &rule.capacity {
            quirks.full_zones.push(capacity.zone.clone());
        }
        quirks.rollback |= rule.rollback;
    }
}

impl ErrorSpec {
    fn to_api(&self) -> ApiError {
        let status = self.status.unwrap_or(match self.code.as_str() {
            "AccessDenied"
            | "AccessDeniedException"
            | "ExpiredToken"
            | "InvalidClientTokenId"
            | "RegionDisabledException"
            | "SignatureDoesNotMatch"
            | "OptInRequired" => 403,
            "InternalFailure" | "InternalError" | "InternalServerError" => 500,
            "ServiceUnavailable" => 503,
            // 400 despite their names, as the service model declares.
            "CacheSubnetGroupNotFoundFault" | "ServiceLinkedRoleNotFoundFault" => 400,
            code if code.contains("NotFound") => 404,
            _ => 400,
        });
        let message = self.message.clone().unwrap_or_else(|| match self.code.as_str() {
            "ExpiredToken" | "ExpiredTokenException" => {
                "The security token included in the request is expired".to_owned()
            }
            code => format!("Injected {code}."),
        });
        ApiError::new(self.code.clone(), status, message)
    }
}

/// All rules in force.
#[derive(Debug)]
pub struct Faults {
    rules: Vec<Rule>,
    next: u64,
    rng: ChaCha8Rng,
}

impl Faults {
    /// None yet.
    pub fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            next: 0,
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x00fa_0175),
        }
    }

    /// Adds a rule at `now`; returns its id. A rule with the same id is replaced.
    pub fn add(&mut self, spec: FaultSpec, now: Timestamp) -> String {
        self.next += 1;
        let rule = spec.0;
        let id = rule.id.clone().unwrap_or_else(|| self.next.to_string());
        self.remove(&id);
        self.rules.push(Rule {
            id: id.clone(),
            matched: 0,
            fired: 0,
            held: 0,
            released: 0,
            from: rule.from.map(|moment| moment.resolve(now)),
            until: rule.until.map(|moment| moment.resolve(now)),
            rule,
        });
        id
    }

    /// Removes a rule; calls that it holds go on.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Lets the calls go on that a rule holds; later ones are held again.
    pub fn release(&mut self, id: &str) -> bool {
        let found = self.rules.iter_mut().find(|rule| rule.id == id);
        found.map(|rule| rule.released += 1).is_some()
    }

    /// All rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How often a rule was released; `None`: it is gone.
    pub fn releases(&self, id: &str) -> Option<u64> {
        self.rules
            .iter()
            .find(|rule| rule.id == id)
            .map(|rule| rule.released)
    }

    /// Counts calls that hang.
    pub fn hold(&mut self, id: &str, more: bool) {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.id == id) {
            rule.held = if more {
                rule.held + 1
            } else {
                rule.held.saturating_sub(1)
            };
        }
    }

    /// What happens to a call.
    pub fn judge(&mut self, facts: &Facts<'_>, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        for rule in &mut self.rules {
            if !rule.matches(facts, now) {
                continue;
            }
            rule.matched += 1;
            if rule.rule.times.is_some_and(|times| rule.matched > times) {
                continue;
            }
            if rule
                .rule
                .probability
                .is_some_and(|p| self.rng.random::<f64>() >= p)
            {
                continue;
            }
            rule.fired += 1;
            rule.act(&mut outcome, now);
            outcome.fired.push(rule.id.clone());
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(operation: &'a str, target: Option<&'a str>) -> Facts<'a> {
        Facts {
            service: "elasticache",
            operation,
            target,
            account: "111122223333",
            region: "ap-northeast-2",
        }
    }

    fn spec(json: &str) -> FaultSpec {
        serde_json::from_str(json).unwrap()
    }

    fn fired(faults: &mut Faults, operation: &str, target: Option<&str>) -> bool {
        !faults
            .judge(&facts(operation, target), Timestamp::UNIX_EPOCH)
            .fired
            .is_empty()
    }

    #[test]
    fn matchers_are_anded() {
        let mut faults = Faults::new(1);
        faults.add(
            spec(r#"{"operation":"TestFailover","target":"a","throttle":true}"#),
            Timestamp::UNIX_EPOCH,
        );
        assert!(fired(&mut faults, "TestFailover", Some("a")));
        assert!(!fired(&mut faults, "TestFailover", Some("b")));
        assert!(!fired(&mut faults, "DescribeEvents", Some("a")));
    }

    #[test]
    fn times_counts_only_matching_calls() {
        let mut faults = Faults::new(1);
        faults.add(spec(r#"{"times":2,"rollback":true}"#), Timestamp::UNIX_EPOCH);
        let pattern: Vec<bool> = [
            "DescribeEvents",
            "IncreaseReplicaCount",
            "DecreaseReplicaCount",
            "IncreaseReplicaCount",
        ]
        .iter()
        .map(|op| fired(&mut faults, op, None))
        .collect();
        assert_eq!(pattern, [false, true, true, false]);
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let run = |seed| {
            let mut faults = Faults::new(seed);
            faults.add(
                spec(r#"{"probability":0.5,"effect":"throttle"}"#),
                Timestamp::UNIX_EPOCH,
            );
            (0..64)
                .map(|_| fired(&mut faults, "DescribeEvents", None))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits = run(7).iter().filter(|hit| **hit).count();
        assert!((20..=44).contains(&hits), "{hits} of 64");
    }

    #[test]
    fn a_rule_has_exactly_one_effect() {
        let none = serde_json::from_str::<FaultSpec>(r#"{"operation":"TestFailover"}"#).unwrap_err();
        assert!(none.to_string().contains("exactly one effect"), "{none}");
        let two = serde_json::from_str::<FaultSpec>(r#"{"throttle":true,"rollback":true}"#).unwrap_err();
        assert!(two.to_string().contains("not 2"), "{two}");
        let unknown = serde_json::from_str::<FaultSpec>(r#"{"explode":true}"#).unwrap_err();
        assert!(unknown.to_string().contains("explode"), "{unknown}");
    }

    #[test]
    fn a_cut_leaves_a_share_and_never_the_whole() {
        let mut faults = Faults::new(1);
        faults.add(spec("{\"cut\":0.42}"), Timestamp::UNIX_EPOCH);
        let outcome = faults.judge(&facts("DescribeEvents", None), Timestamp::UNIX_EPOCH);
        assert_eq!(outcome.cut, Some(0.42));
        for wrong in ["1", "1.5", "-0.1"] {
            let refused = serde_json::from_str::<FaultSpec>(&format!("{{\"cut\":{wrong}}}")).unwrap_err();
            assert!(refused.to_string().contains("less than 1"), "{refused}");
        }
    }

    #[test]
    fn a_rule_lives_between_its_moments() {
        let mut faults = Faults::new(1);
        let start: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        faults.add(spec(r#"{"from":"10m","until":"20m","throttle":true}"#), start);
        let mut at = |minutes| {
            let now = start + jiff::SignedDuration::from_mins(minutes);
            faults.judge(&facts("DescribeEvents", None), now).error.is_some()
        };
        assert_eq!([at(9), at(10), at(19), at(20)], [false, true, true, false]);
    }

    #[test]
    fn errors_have_the_status_that_aws_uses() {
        let status = |code: &str| {
            ErrorSpec {
                code: code.into(),
                status: None,
                message: None,
            }
            .to_api()
            .status
        };
        assert_eq!(status("AccessDenied"), 403);
        assert_eq!(status("ServiceUnavailable"), 503);
        assert_eq!(status("ReplicationGroupNotFoundFault"), 404);
        assert_eq!(status("CacheSubnetGroupNotFoundFault"), 400);
    }
}
