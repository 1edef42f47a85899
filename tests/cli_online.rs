//! The binary against AWS as `evenkeel-sim` plays it on the wire.

#![allow(clippy::unwrap_used, clippy::panic)]

use evenkeel::intake::{self, Source};
use evenkeel_sim::{ClockMode, Sim};
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

const WORLD: &str = include_str!("../examples/world-nextgen.yaml");
const MANIFEST: &str = "examples/nextgen-commerce.yaml";

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}\n{}\n{}", self.out, self.err))
    }
}

struct Aws(Sim);

impl Aws {
    /// Half an hour after the start: metrics have points.
    async fn new() -> Self {
        let builder = Sim::builder().world_yaml(WORLD).clock(ClockMode::Stepped);
        let sim = builder.start().await.unwrap();
        sim.advance(SignedDuration::from_mins(30)).await.unwrap();
        Self(sim)
    }

    async fn run(&self, args: &[&str]) -> Run {
        self.with_stdin(args, "").await
    }

    fn command(&self, args: &[&str]) -> Command {
        let url = self.0.endpoint_url();
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "ap-northeast-2")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env("EVENKEEL_AWS_ENDPOINT_URL", &url)
            .env("EVENKEEL_CLOCK_URL", &url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Standard output is there.
    async fn saying_to(&self, out: impl Into<Stdio>, args: &[&str]) -> std::process::Output {
        let mut command = self.command(args);
        let child = command.stdin(Stdio::null()).stdout(out).spawn().unwrap();
        child.wait_with_output().await.unwrap()
    }

    async fn with_stdin(&self, args: &[&str], text: &str) -> Run {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .await
            .unwrap();
        let output = child.wait_with_output().await.unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard input is a terminal, where a person takes their time with the answer.
    async fn at_a_terminal(&self, args: &[&str], meanwhile: impl FnOnce(), answer: &str) -> Run {
        let (mut person, terminal) = terminal();
        let mut child = self.command(args).stdin(terminal).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let mut err = Vec::new();
        while !err.ends_with(b"[y/N] ") {
            err.push(stderr.read_u8().await.unwrap());
        }
        meanwhile();
        std::io::Write::write_all(&mut person, answer.as_bytes()).unwrap();
        let output = child.wait_with_output().await.unwrap();
        stderr.read_to_end(&mut err).await.unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }

    fn mutating(&self) -> Vec<String> {
        let calls = self.0.calls().into_iter();
        calls.filter(|c| c.mutating).map(|c| c.operation).collect()
    }

    fn tag(&self, owner: Option<&str>) {
        let tags = owner.map(|o| ("evenkeel.dev/owner".to_owned(), o.to_owned()));
        self.0.set_tags("sessions", tags.into_iter().collect()).unwrap();
    }
}

/// Both ends of a new terminal: the person's and the program's.
fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let mut options = File::options();
    let terminal = options
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (person.into(), terminal)
}

#[tokio::test]
async fn a_group_is_judged_without_a_manifest() {
    let aws = Aws::new().await;
    let run = aws
        .run(&["plan", "--cache", "Sessions", "--detailed-exitcode"])
        .await;
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(
        run.out
            .starts_with("Can default/sessions lose a zone right now? Yes, any one of them."),
        "{}",
        run.out
    );
    let plan = aws
        .run(&["plan", "--cache", "sessions", "-o", "json"])
        .await
        .json();
    let zones: Vec<_> = plan["zones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|z| z["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        zones,
        ["ap-northeast-2a", "ap-northeast-2c"],
        "those of its subnet group"
    );
    let nodes: Vec<_> = plan["components"][0]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| {
            format!(
                "{} {} {}",
                n["id"].as_str().unwrap(),
                n["zone"].as_str().unwrap(),
                n["role"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        nodes,
        [
            "sessions-0001-001 ap-northeast-2a Primary",
            "sessions-0001-002 ap-northeast-2c Replica",
            "sessions-0002-001 ap-northeast-2c Primary",
            "sessions-0002-002 ap-northeast-2a Replica",
        ]
    );
    assert_eq!(aws.mutating(), Vec::<String>::new());
}

#[tokio::test]
async fn the_zones_asked_for_are_the_ones_judged() {
    let aws = Aws::new().await;
    let plan = aws
        .run(&[
            "plan",
            "--cache",
            "sessions",
            "--zones",
            "a,b,ap-northeast-2c",
            "-o",
            "json",
        ])
        .await
        .json();
    assert_eq!(plan["zones"].as_array().unwrap().len(), 3);
    let missing = plan["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|f| f["code"] == "ZoneMissing");
    assert!(missing, "the subnet group doesn't reach zone b: {plan:#}");
}

#[tokio::test]
async fn a_zone_outage_is_told_as_it_is() {
    let aws = Aws::new().await;
    aws.0.fail_zone("ap-northeast-2a").unwrap();
    aws.0.advance(SignedDuration::from_mins(12)).await.unwrap();
    let run = aws.run(&["plan", "-f", MANIFEST, "--detailed-exitcode"]).await;
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let first = run.out.lines().next().unwrap();
    assert_eq!(
        first,
        "Can shop/nextgen-commerce lose a zone right now? NO, not ap-northeast-2c."
    );
    assert!(run.out.contains("The zone is impaired"), "{}", run.out);
    assert_eq!(aws.mutating(), Vec::<String>::new());
}

#[tokio::test]
async fn an_unknown_group_is_an_error_with_a_hint() {
    let aws = Aws::new().await;
    let run = aws.run(&["plan", "--cache", "session"]).await;
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert_eq!(
        run.err,
        "error: there is no replication group session in ap-northeast-2 of account 111122223333; did you mean \
         sessions?\n"
    );
    let elsewhere = aws
        .run(&["plan", "--cache", "sessions", "--region", "eu-central-1"])
        .await;
    assert!(
        elsewhere.err.contains("is it the right region and account?"),
        "{}",
        elsewhere.err
    );
}

#[tokio::test]
async fn init_writes_a_manifest_that_is_accepted_and_explains_what_it_found() {
    let aws = Aws::new().await;
    let run = aws
        .run(&[
            "init",
            "--cache",
            "sessions",
            "--namespace",
            "shop",
            "--name",
            "web",
        ])
        .await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for remark in [
        "# Can ap-northeast-2a be lost? yes.",
        "# cache sessions, available, cluster mode enabled, Multi-AZ on, automatic failover on; 2 shards, 4 nodes",
        "# 0001: primary in ap-northeast-2a, replica in ap-northeast-2c",
        "# tag evenkeel.dev/owner = demo",
        "mode: Observe",
    ] {
        assert!(run.out.contains(remark), "{remark}\n{}", run.out);
    }
    let read = intake::read(&[Source {
        name: "init".to_owned(),
        text: run.out.clone(),
    }]);
    assert_eq!(read.problems, []);
    assert_eq!(read.stacks[0].intent.stack.to_string(), "shop/web");
    let plan = aws
        .with_stdin(&["plan", "-f", "-", "-o", "json"], &run.out)
        .await
        .json();
    assert_eq!(plan["zones"][0]["verdict"], "Survives");
    assert_eq!(aws.mutating(), Vec::<String>::new());
}

#[tokio::test]
async fn a_snapshot_is_judged_offline_as_it_was_online() {
    let aws = Aws::new().await;
    aws.0.fail_zone("ap-northeast-2a").unwrap();
    aws.0.advance(SignedDuration::from_mins(8)).await.unwrap();
    aws.0.recover_zone("ap-northeast-2a").unwrap();
    aws.0.advance(SignedDuration::from_mins(40)).await.unwrap();
    let online = aws
        .run(&["plan", "-f", MANIFEST, "-o", "json", "--installation", "demo"])
        .await
        .json();
    let snapshot = aws
        .run(&["snapshot", "-f", MANIFEST, "--installation", "demo"])
        .await;
    let document = snapshot.json();
    assert_eq!(document["schema"], "evenkeel.snapshot/v1");
    assert_eq!(document["stack"]["name"], "nextgen-commerce");
    assert!(
        !document["failovers"].as_array().unwrap().is_empty(),
        "{document:#}"
    );
    let offline = aws
        .with_stdin(
            &["plan", "-f", MANIFEST, "--from", "-", "-o", "json"],
            &snapshot.out,
        )
        .await
        .json();
    for part in [
        "id",
        "stack",
        "mode",
        "observedAt",
        "zones",
        "verdicts",
        "components",
        "findings",
        "actions",
    ] {
        assert_eq!(offline[part], online[part], "{part}");
    }
    assert!(!online["actions"].as_array().unwrap().is_empty(), "{online:#}");
    assert_eq!(aws.mutating(), Vec::<String>::new());
}

#[tokio::test]
async fn claiming_takes_the_policy_for_people_beside_the_read_only_one() {
    let aws = Aws::new().await;
    aws.tag(None);
    let policy = |name: &str| {
        let text = std::fs::read_to_string(format!("deploy/iam/{name}.json")).unwrap();
        text.replace("INSTALLATION", "prod")
    };
    let (observe, people) = (policy("observe"), policy("claim"));
    let claim = ["claim", "-f", MANIFEST, "--installation", "prod", "--yes"];
    aws.0.set_policies("default", &[&observe]).unwrap();
    let refused = aws.run(&claim).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("deploy/iam/claim.json"), "{}", refused.err);
    aws.0.set_policies("default", &[&observe, &people]).unwrap();
    let written = aws.run(&claim).await;
    assert_eq!((written.code, written.err.as_str()), (0, ""), "{}", written.out);
}

#[tokio::test]
async fn claiming_shows_asks_and_writes_once() {
    let aws = Aws::new().await;
    aws.tag(None);
    let claim = ["claim", "-f", MANIFEST, "--installation", "prod"];
    // Nobody can be asked in a pipe: nothing is written.
    let asked = aws.run(&claim).await;
    assert_eq!(asked.code, 1);
    assert!(
        asked
            .out
            .contains("evenkeel.dev/owner = prod/shop/nextgen-commerce"),
        "{}",
        asked.out
    );
    assert!(
        asked
            .err
            .contains("nobody can be asked: look at the tags above and add --yes"),
        "{}",
        asked.err
    );
    assert_eq!(aws.mutating(), Vec::<String>::new());
    let written = aws.run(&[&claim[..], &["--yes"]].concat()).await;
    assert_eq!((written.code, written.err.as_str()), (0, ""), "{}", written.out);
    assert!(
        written
            .out
            .contains("claimed arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions"),
        "{}",
        written.out
    );
    assert_eq!(aws.mutating(), ["AddTagsToResource"]);
    let again = aws.run(&claim).await;
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, "Nothing to write: everything is claimed already.\n")
    );
    assert_eq!(aws.mutating(), ["AddTagsToResource"]);
}

#[tokio::test]
async fn only_a_clear_yes_to_the_question_writes() {
    let aws = Aws::new().await;
    aws.tag(None);
    let claim = ["claim", "-f", MANIFEST, "--installation", "prod"];
    for answer in ["\n", "n\n", "yess\n"] {
        let run = aws.at_a_terminal(&claim, || {}, answer).await;
        assert_eq!(run.code, 1, "{answer:?}: {}", run.err);
        assert!(
            run.err.starts_with("Write 1 tag? [y/N] ") && run.err.contains("nothing was written"),
            "{answer:?}: {}",
            run.err
        );
    }
    assert_eq!(aws.mutating(), Vec::<String>::new());
    let run = aws.at_a_terminal(&claim, || {}, "Yes\n").await;
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(aws.mutating(), ["AddTagsToResource"]);
}

#[tokio::test]
async fn claiming_says_when_it_can_not_say_and_a_reader_who_goes_away_is_no_error() {
    let aws = Aws::new().await;
    let claim = ["claim", "-f", MANIFEST, "--installation", "prod", "--yes"];
    for owner in [None, Some("prod")] {
        aws.tag(owner);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = aws.saying_to(full, &claim).await;
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("can't write to standard output"), "{err}");
        assert!(aws.mutating().is_empty(), "what can't be shown is not written");
    }
    aws.tag(None);
    let (_, unread) = std::io::pipe().unwrap();
    let output = aws.saying_to(unread, &claim).await;
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
    assert_eq!(aws.mutating(), ["AddTagsToResource"]);
}

#[tokio::test]
async fn what_somebody_claims_while_the_question_stands_is_not_overwritten() {
    let aws = Aws::new().await;
    aws.tag(None);
    let claim = ["claim", "-f", MANIFEST, "--installation", "prod"];
    let run = aws
        .at_a_terminal(&claim, || aws.tag(Some("other-cluster")), "y\n")
        .await;
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(
        run.err
            .contains("replicationgroup:sessions was claimed by other-cluster meanwhile"),
        "{}",
        run.err
    );
    assert_eq!(aws.mutating(), Vec::<String>::new());
}

#[tokio::test]
async fn somebody_elses_tag_is_never_overwritten() {
    let aws = Aws::new().await;
    for owner in ["demo", "prod/shop/other"] {
        aws.tag(Some(owner));
        let run = aws
            .run(&["claim", "-f", MANIFEST, "--installation", "prod", "--yes"])
            .await;
        assert_eq!((run.code, run.out.as_str()), (1, ""));
        assert!(
            run.err.contains(&format!(
                "sessions belongs to {owner}, and its tag is not overwritten"
            )),
            "{}",
            run.err
        );
        assert!(
            run.err.contains("aws elasticache remove-tags-from-resource"),
            "{}",
            run.err
        );
    }
    assert_eq!(aws.mutating(), Vec::<String>::new());
}

#[tokio::test]
async fn access_denied_names_the_iam_action() {
    let aws = Aws::new().await;
    aws.0
        .fault_yaml("{operation: DescribeReplicationGroups, error: {code: AccessDenied, status: 403}}")
        .unwrap();
    let run = aws.run(&["plan", "--cache", "sessions"]).await;
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(
        run.err
            .contains("add the IAM action elasticache:DescribeReplicationGroups"),
        "{}",
        run.err
    );
}

#[tokio::test]
async fn what_cloudwatch_refuses_is_told_once_and_leaves_the_verdict_unknown() {
    let aws = Aws::new().await;
    aws.0
        .fault_yaml("{operation: GetMetricData, error: {code: AccessDenied, status: 403}}")
        .unwrap();
    let run = aws
        .run(&["plan", "--cache", "sessions", "--detailed-exitcode"])
        .await;
    assert_eq!(run.code, 4, "{}", run.out);
    let warnings: Vec<&str> = run.err.lines().collect();
    assert_eq!(warnings.len(), 1, "{}", run.err);
    assert!(
        warnings[0].starts_with(
            "warning: These credentials may not call GetMetricData: add the IAM action cloudwatch:GetMetricData"
        ),
        "{}",
        run.err
    );
}

#[tokio::test]
async fn looking_at_a_group_buys_each_metric_once() {
    let aws = Aws::new().await;
    let before = aws.0.state().metrics_requested;
    aws.run(&["plan", "--cache", "sessions"]).await;
    // IsMaster of four nodes; lag of all four, since nobody yet knows the primaries.
    assert_eq!(aws.0.state().metrics_requested - before, 8);
}

#[tokio::test]
async fn each_way_of_not_getting_in_has_its_own_sentence() {
    let table = [
        ("ExpiredToken", "The AWS session has expired: sign in again"),
        ("InvalidClientTokenId", "AWS doesn't know these credentials"),
        (
            "SignatureDoesNotMatch",
            "AWS refuses the signature: check the secret access key",
        ),
        ("AccessDenied", "add the IAM action elasticache:"),
        (
            "OptInRequired",
            "The account isn't subscribed to this service or region",
        ),
    ];
    let aws = Aws::new().await;
    for command in [
        &["plan", "--cache", "sessions"][..],
        &["init", "--cache", "sessions"],
        &["snapshot", "-f", MANIFEST],
        &["claim", "-f", MANIFEST, "--installation", "prod"],
    ] {
        for (code, sentence) in table {
            aws.0.clear_faults();
            let fault = format!("{{service: elasticache, error: {{code: {code}, status: 403}}}}");
            aws.0.fault_yaml(&fault).unwrap();
            let run = aws.run(command).await;
            assert_eq!((run.code, run.out.as_str()), (1, ""), "{command:?} {code}");
            assert!(run.err.contains(sentence), "{command:?} {code}: {}", run.err);
            let others = table.iter().filter(|(_, other)| *other != sentence);
            for (_, other) in others {
                assert!(!run.err.contains(other), "{command:?} {code}: {}", run.err);
            }
        }
    }
}

#[tokio::test]
async fn what_is_planned_waits_for_the_owner() {
    let aws = Aws::new().await;
    aws.tag(Some("staging"));
    aws.0.fail_node("sessions-0001-001").unwrap();
    aws.0.advance(SignedDuration::from_mins(90)).await.unwrap();
    let plan = aws
        .run(&["plan", "-f", MANIFEST, "-o", "json", "--installation", "prod"])
        .await
        .json();
    let held: BTreeMap<_, _> = plan["holds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| (h["guardrail"].as_str().unwrap(), h["reason"].as_str().unwrap()))
        .collect();
    assert!(
        held["ownership"].contains("evenkeel.dev/owner = staging"),
        "{plan:#}"
    );
}

#[tokio::test]
async fn several_stacks_of_a_folder_are_read_with_one_look_at_a_region() {
    let aws = Aws::new().await;
    let folder = std::env::temp_dir().join(format!("evenkeel-online-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(MANIFEST)).unwrap();
    std::fs::write(folder.join("a.yaml"), &manifest).unwrap();
    std::fs::write(
        folder.join("b.yaml"),
        manifest.replacen("name: nextgen-commerce", "name: twin", 1),
    )
    .unwrap();
    let mark = aws.0.mark();
    let run = aws
        .run(&["plan", "-f", folder.to_str().unwrap(), "-o", "json"])
        .await;
    std::fs::remove_dir_all(&folder).unwrap();
    let plans = run.json();
    let younger = &plans[1];
    assert_eq!(younger["stack"]["name"], "twin");
    let told = younger["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|f| f["code"] == "ClaimedByElder");
    assert!(told, "{younger:#}");
    let listings = aws
        .0
        .calls_since(mark)
        .into_iter()
        .filter(|c| c.operation == "DescribeReplicationGroups")
        .count();
    assert_eq!(listings, 1);
}
