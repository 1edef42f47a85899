//! `evenkeel claim`: writes the owner's tag on the resources of stacks, after showing it and asking.
//!
//! The tag names this installation and one stack, `<installation>/<namespace>/<stack>`, so that no other stack can act
//! on the resource. Somebody else's tag is never overwritten, and when any resource can't be claimed none is. Whoever is
//! asked may take long to answer, so each tag is read again just before it is written.

use super::args::{AwsArgs, InstallationArgs};
use super::exit::Exit;
use super::online::{self, Survey};
use super::settings::Settings;
use super::{clock, connect, manifests};
use crate::api::OWNER_TAG;
use crate::plan::Intent;
use crate::shell::Output;
use crate::topology::{Region, StackName};
use anyhow::{Context as _, bail};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use std::collections::BTreeMap;
use std::io::Write as _;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Manifests: a file, a folder, or - for standard input. May be given several times.
    #[arg(short, long, required = true, value_name = "FILE|DIR|-", env = "EVENKEEL_FILE", value_parser = NonEmptyStringValueParser::new())]
    pub file: Vec<String>,
    /// Don't ask.
    #[arg(long, env = "EVENKEEL_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
    #[command(flatten)]
    pub installation: InstallationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// One tag to write.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    region: Region,
    stack: StackName,
    arn: String,
    value: String,
}

/// What the present tag means for claiming.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Free,
    /// By the whole installation or by this stack.
    Ours,
    Taken(String),
}

pub async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let Some(installation) = &args.installation.installation else {
        bail!(
            "claiming needs the name of this installation: give --installation or set EVENKEEL_INSTALLATION"
        );
    };
    let clock = clock::clock(&args.aws).await?;
    let intents: Vec<Intent> = manifests::load(&args.file)?
        .into_iter()
        .map(|s| s.intent)
        .collect();
    if let Some(other) = intents.iter().find(|i| i.account_ref.is_some()) {
        bail!(
            "stack {} names an account (spec.aws.accountRef), which the command line can't look up: claim with that \
             account's credentials and a manifest without accountRef",
            other.stack
        );
    }
    let mut surveys = BTreeMap::new();
    for region in intents.iter().map(|i| &i.region) {
        if !surveys.contains_key(region) {
            let here: Vec<_> = intents.iter().filter(|i| i.region == *region).collect();
            let groups = online::groups(&here);
            let survey = online::survey(&args.aws, Some(region.clone()), &groups, &clock).await?;
            surveys.insert(region.clone(), survey);
        }
    }
    let claims = claims(&intents, installation, &surveys)?;
    if claims.is_empty() {
        return super::print("Nothing to write: everything is claimed already.\n");
    }
    for claim in &claims {
        super::print(&format!("{}\n    {OWNER_TAG} = {}\n", claim.arn, claim.value))?;
    }
    if !args.yes && !asked(claims.len(), settings)? {
        bail!("nothing was written");
    }
    for claim in &claims {
        let survey = surveys.get(&claim.region).context("the region was surveyed")?;
        write(claim, installation, survey).await?;
    }
    Ok(Exit::Ok)
}

/// Writes one tag, unless somebody else has claimed the resource since it was surveyed.
async fn write(claim: &Claim, installation: &str, survey: &Survey) -> anyhow::Result<()> {
    let tags = survey
        .read
        .list_tags_for_resource(&claim.arn)
        .await
        .map_err(|error| connect::explained(&error))
        .with_context(|| format!("can't read the tags of {} again", claim.arn))?;
    if let Standing::Taken(owner) = standing(tags.get(OWNER_TAG), installation, &claim.stack) {
        bail!(
            "{} was claimed by {owner} meanwhile, and its tag is not overwritten",
            claim.arn
        );
    }
    let tags = BTreeMap::from([(OWNER_TAG.to_owned(), claim.value.clone())]);
    survey
        .write
        .add_tags_to_resource(&claim.arn, &tags)
        .await
        .map_err(|error| connect::explained(&error))
        .with_context(|| format!("can't tag {}", claim.arn))?;
    super::print(&format!("claimed {}\n", claim.arn))?;
    Ok(())
}

/// All tags to write, or every reason why some can't be.
fn claims(
    intents: &[Intent],
    installation: &str,
    surveys: &BTreeMap<Region, Survey>,
) -> anyhow::Result<Vec<Claim>> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut refused = Vec::new();
    for intent in intents {
        let Some(survey) = surveys.get(&intent.region) else {
            continue;
        };
        for cache in intent.caches.values() {
            match claim(intent, installation, survey, &cache.replication_group) {
                Ok(Some(claim)) if claims.iter().any(|c| c.arn == claim.arn) => refused.push(format!(
                    "{} is named by {} and by another stack of these manifests",
                    claim.arn, intent.stack
                )),
                Ok(claim) => claims.extend(claim),
                Err(why) => refused.push(format!("{why:#}")),
            }
        }
    }
    if refused.is_empty() {
        return Ok(claims);
    }
    bail!("nothing was written:\n  {}", refused.join("\n  "))
}

fn claim(intent: &Intent, installation: &str, survey: &Survey, id: &str) -> anyhow::Result<Option<Claim>> {
    let group = survey.group(id)?;
    let tags = match survey.view.tags.get(id).map(|seen| &seen.value) {
        Some(Ok(tags)) => tags,
        Some(Err(error)) => {
            return Err(connect::explained(error)).with_context(|| format!("the tags of {id} can't be read"));
        }
        None => bail!("the tags of {id} were not read"),
    };
    match standing(tags.get(OWNER_TAG), installation, &intent.stack) {
        Standing::Free => Ok(Some(Claim {
            region: survey.view.region.clone(),
            stack: intent.stack.clone(),
            arn: group.arn.clone(),
            value: owner_tag(installation, &intent.stack),
        })),
        Standing::Ours => Ok(None),
        Standing::Taken(owner) => bail!(
            "{id} belongs to {owner}, and its tag is not overwritten. If it is to change hands, its owner gives it \
             up first: aws elasticache remove-tags-from-resource --resource-name {} --tag-keys {OWNER_TAG}",
            group.arn
        ),
    }
}

fn owner_tag(installation: &str, stack: &StackName) -> String {
    format!("{installation}/{stack}")
}

fn standing(tag: Option<&String>, installation: &str, stack: &StackName) -> Standing {
    match tag {
        None => Standing::Free,
        Some(owner) if owner == installation || *owner == owner_tag(installation, stack) => Standing::Ours,
        Some(owner) => Standing::Taken(owner.clone()),
    }
}

/// Only a clear yes counts.
fn asked(tags: usize, settings: &Settings) -> anyhow::Result<bool> {
    if !settings.stdin_terminal {
        bail!("standard input is no terminal, so nobody can be asked: look at the tags above and add --yes");
    }
    let question = format!("Write {tags} tag{}? [y/N] ", if tags == 1 { "" } else { "s" });
    Output::Stderr
        .write_all(question.as_bytes())
        .context("can't ask")?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("can't read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_free_resource_is_claimed() {
        let stack = StackName::new("shop", "web");
        let of = |tag: Option<&str>| standing(tag.map(str::to_owned).as_ref(), "prod", &stack);
        assert_eq!(of(None), Standing::Free);
        assert_eq!(of(Some("prod")), Standing::Ours);
        assert_eq!(of(Some("prod/shop/web")), Standing::Ours);
        for other in ["prod/shop/other", "staging", "prod/shop", "prod/shop/web/x", ""] {
            assert_eq!(of(Some(other)), Standing::Taken(other.to_owned()), "{other:?}");
        }
    }
}
