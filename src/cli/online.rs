//! One look at AWS: a whole survey of each region concerned, and the stacks judged on it. Changes nothing.

use super::args::AwsArgs;
use super::connect;
use super::judged::Judged;
use crate::aws::types::{AwsError, CacheGroup};
use crate::aws::{ReadAws, Stats, WriteAws};
use crate::clock::{AnyClock, Clock as _};
use crate::document::problem::did_you_mean;
use crate::engine::fleet::{Common, Limits, Member, Roll};
use crate::engine::judge::{Judgement, Scene, judge};
use crate::observe::{Observer, PollSettings, RegionView, Wanted, ZoneWatch, failovers};
use crate::plan::{History, Intent, Purpose};
use crate::topology::{Region, SmallMap};
use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A one-shot command has no record of its own; it counts as old enough for no guardrail to wait for it.
const RECORD_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// One region as just read.
pub struct Survey {
    pub view: RegionView,
    watch: ZoneWatch,
    pub read: ReadAws,
    pub write: WriteAws,
    /// The moment after the reading.
    pub now: Timestamp,
}

/// Reads everything of a region, and metrics and tags of these groups. Failures that leave something to judge are
/// told as warnings.
pub async fn survey(
    args: &AwsArgs,
    region: Option<Region>,
    groups: &BTreeSet<String>,
    clock: &AnyClock,
) -> anyhow::Result<Survey> {
    let (survey, errors) = read(args, region, groups, clock).await?;
    warn(&errors);
    Ok(survey)
}

/// Reads what is free of charge: which groups there are, and where. What fails besides is left to the survey that
/// follows.
pub async fn listing(args: &AwsArgs, region: Option<Region>, clock: &AnyClock) -> anyhow::Result<Survey> {
    let (survey, _) = read(args, region, &BTreeSet::new(), clock).await?;
    Ok(survey)
}

async fn read(
    args: &AwsArgs,
    region: Option<Region>,
    groups: &BTreeSet<String>,
    clock: &AnyClock,
) -> anyhow::Result<(Survey, Vec<AwsError>)> {
    let (sdk, region) = connect::sdk(args, region).await?;
    let stats = Arc::new(Stats::default());
    let read = ReadAws::new(&sdk, stats.clone());
    let mut observer = Observer::new(read.clone(), region.clone(), PollSettings::default());
    let wanted = Wanted {
        groups: groups.clone(),
        tags: groups.clone(),
    };
    let changes = observer
        .survey(&wanted, clock)
        .await
        .map_err(|error| connect::explained(&error))
        .with_context(|| format!("can't look at {region}"))?;
    let view = observer.view().clone();
    let now = clock.now();
    let mut watch = ZoneWatch::default();
    watch.step(&view, groups, now);
    let survey = Survey {
        view,
        watch,
        read,
        write: WriteAws::new(&sdk, stats),
        now,
    };
    Ok((survey, changes.errors))
}

/// Each kind of failure once.
fn warn(errors: &[AwsError]) {
    let sentences: BTreeSet<_> = errors
        .iter()
        .map(|error| connect::explained(error).to_string())
        .collect();
    for sentence in sentences {
        super::tell(&format!("warning: {sentence}"));
    }
}

impl Survey {
    /// The group, or an error that names its neighbours.
    pub fn group(&self, id: &str) -> anyhow::Result<&CacheGroup> {
        let known = &self.view.groups;
        if let Some(seen) = known.get(&id.to_lowercase()) {
            return Ok(&seen.value);
        }
        let account = self.view.account.as_ref();
        let account = account.map_or_else(String::new, |a| format!(" of account {a}"));
        let names = || known.keys().map(String::as_str);
        let hint = match did_you_mean(id, names()) {
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() => {
                "there is none at all; is it the right region and account?".to_owned()
            }
            None => format!("there are {}", names().take(10).collect::<Vec<_>>().join(", ")),
        };
        bail!(
            "there is no replication group {id} in {}{account}; {hint}",
            self.view.region
        )
    }

    fn judge(&self, intents: &[&Intent], installation: Option<&str>) -> anyhow::Result<Vec<Judgement>> {
        let history = History {
            began: Some(self.now - RECORD_AGE),
            ..History::default()
        };
        let account = self.view.account.as_ref();
        let member = |intent| Member {
            intent,
            history: &history,
            account: account.cloned(),
        };
        let roll = Roll::call(intents.iter().map(|intent| member(*intent)));
        let ledger = failovers::ledger(&self.view, self.now);
        let common = Common {
            installation: installation.map(str::to_owned),
            test_failovers: SmallMap::from([((account.cloned(), self.view.region.clone()), ledger)]),
            ..Common::default()
        };
        intents
            .iter()
            .map(|intent| {
                let fleet = roll.fleet(member(*intent), &common, &Limits::default());
                let scene = Scene {
                    intent,
                    view: &self.view,
                    watch: &self.watch,
                    history: &history,
                    fleet: &fleet,
                    purpose: &Purpose::Propose,
                    now: self.now,
                };
                judge(&scene).with_context(|| format!("can't judge {}", intent.stack))
            })
            .collect()
    }
}

/// A judgement with what it rests on.
pub struct Seen {
    pub judged: Judged,
    pub history: History,
}

/// Surveys every region that the intents name, and judges them in their order.
pub async fn look(
    args: &AwsArgs,
    installation: Option<&str>,
    intents: &[Intent],
    clock: &AnyClock,
) -> anyhow::Result<Vec<Seen>> {
    let mut by_region: BTreeMap<&Region, Vec<usize>> = BTreeMap::new();
    for (i, intent) in intents.iter().enumerate() {
        by_region.entry(&intent.region).or_default().push(i);
    }
    let mut seen = BTreeMap::new();
    for (region, members) in by_region {
        let here: Vec<&Intent> = members.iter().map(|i| &intents[*i]).collect();
        let survey = survey(args, Some(region.clone()), &groups(&here), clock).await?;
        other_accounts(&here, &survey);
        for (i, judgement) in members.into_iter().zip(survey.judge(&here, installation)?) {
            let judged = Judged {
                topology: judgement.topology,
                decision: judgement.decision,
                now: survey.now,
            };
            let history = judgement.history;
            seen.insert(i, Seen { judged, history });
        }
    }
    Ok(seen.into_values().collect())
}

/// Judges one more stack on a survey that is there already.
pub fn judge_one(survey: &Survey, intent: &Intent) -> anyhow::Result<Seen> {
    let judgement = survey
        .judge(&[intent], None)?
        .pop()
        .context("one stack, one judgement")?;
    Ok(Seen {
        judged: Judged {
            topology: judgement.topology,
            decision: judgement.decision,
            now: survey.now,
        },
        history: judgement.history,
    })
}

/// The identifiers, lower case, that stacks name.
pub fn groups(intents: &[&Intent]) -> BTreeSet<String> {
    intents
        .iter()
        .flat_map(|intent| intent.caches.values())
        .map(|cache| cache.replication_group.clone())
        .collect()
}

/// The command line has no AWSAccount objects: it looks with the credentials at hand, and says so.
fn other_accounts(intents: &[&Intent], survey: &Survey) {
    let at_hand = survey.view.account.as_ref();
    let at_hand = at_hand.map_or_else(String::new, |a| format!(" of account {a}"));
    for intent in intents {
        if let Some(account) = &intent.account_ref {
            super::tell(&format!(
                "warning: stack {} lives in the account {account} (spec.aws.accountRef); it was looked at with the \
                 credentials at hand{at_hand}",
                intent.stack
            ));
        }
    }
}
