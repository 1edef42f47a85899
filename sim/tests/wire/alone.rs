//! The simulator as a program: what it prints, what it logs, how it fails.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{MetricDataQuery, MetricStat};

use crate::support::{KEY, signed};

const WORLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/world-nextgen.yaml");

fn simulator(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel-sim"));
    command
        .args(arguments)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running one; killed at the end.
struct Alone {
    child: Child,
    url: String,
    /// What it printed after the endpoint.
    rest: BufReader<std::process::ChildStdout>,
}

impl Alone {
    fn start(arguments: &[&str]) -> Self {
        let mut child = simulator(arguments).spawn().unwrap();
        let mut rest = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        rest.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://"), "{url:?}");
        Self { child, url, rest }
    }

    fn address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Everything that it logged.
    fn log(mut self) -> String {
        self.child.kill().unwrap();
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        log
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn it_prints_the_endpoint_and_what_a_client_needs() {
    let mut sim = Alone::start(&["--port", "0", "--world", WORLD]);
    let printed: Vec<String> = sim.rest.by_ref().lines().take(4).map(Result::unwrap).collect();
    assert_eq!(
        printed,
        [
            format!("export AWS_ENDPOINT_URL={}", sim.url),
            "export AWS_REGION=ap-northeast-2 AWS_DEFAULT_REGION=ap-northeast-2".to_owned(),
            "export AWS_ACCESS_KEY_ID=AKIASIMULATOR0000000 AWS_SECRET_ACCESS_KEY=simulated".to_owned(),
            format!("# What you can do to this world: curl -s {}/_sim", sim.url),
        ]
    );
}

/// As `deploy/kind/sim.yaml` starts it.
#[tokio::test]
async fn in_a_container_it_serves_every_address_and_ends_when_told() {
    let manifest = include_str!("../../../deploy/kind/sim.yaml");
    let (_, args) = manifest.split_once("          args:\n").unwrap();
    let (args, _) = args.split_once("          ports:").unwrap();
    let args = args.lines().filter_map(|line| line.trim().strip_prefix("- "));
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kind/world.yaml");
    let args: Vec<String> = args.map(|arg| arg.replace("/world/world.yaml", world)).collect();
    assert!(args.iter().any(|arg| arg == "--listen=0.0.0.0"), "{args:?}");
    let args = args.iter().map(String::as_str);
    let mut sim = Alone::start(&args.chain(["--port", "0"]).collect::<Vec<_>>());
    assert!(sim.url.starts_with("http://0.0.0.0:"), "{}", sim.url);
    let answer = signed(
        sim.address(),
        "Action=DescribeReplicationGroups&Version=2015-02-02",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("sessions"),
        "{answer}"
    );
    let told = Command::new("kill")
        .arg(sim.child.id().to_string())
        .status()
        .unwrap();
    assert!(told.success());
    assert_eq!(sim.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn whatever_it_does_not_know_is_a_line_in_its_log() {
    let sim = Alone::start(&["--port", "0", "--world", WORLD, "--quiet"]);
    for form in [
        "Action=RebootCacheCluster&Version=2015-02-02",
        "Action=DescribeEvents&Version=2015-02-02&Frobnicate=1",
        "Action=DescribeEvents&Version=2015-02-02&SourceType=moon",
        "Action=DescribeCacheClusters&Version=2015-02-02&Filters.Filter.1.Name=engine",
        "Action=DescribeEvents&Version=1999-01-01",
    ] {
        let answer = signed(sim.address(), form).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{form}: {answer}");
    }
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(aws_sdk_cloudwatch::config::BehaviorVersion::latest())
        .endpoint_url(&sim.url)
        .region(aws_sdk_cloudwatch::config::Region::new("ap-northeast-2"))
        .credentials_provider(aws_sdk_cloudwatch::config::Credentials::new(
            KEY, "s", None, None, "t",
        ))
        .build();
    let client = aws_sdk_cloudwatch::Client::from_conf(config);
    let query = MetricDataQuery::builder().id("m").expression("m1 + m2").build();
    let ask = || {
        client
            .get_metric_data()
            .start_time(DateTime::from_secs(0))
            .end_time(DateTime::from_secs(60))
    };
    assert!(
        ask().metric_data_queries(query).send().await.is_err(),
        "metric math"
    );
    let stat = MetricStat::builder().period(60).stat("p99").build();
    let query = MetricDataQuery::builder().id("m").metric_stat(stat).build();
    assert!(
        ask().metric_data_queries(query).send().await.is_err(),
        "a percentile"
    );
    let log = sim.log();
    for word in [
        "RebootCacheCluster",
        "Frobnicate",
        "moon",
        "Filters.Filter.1.Name",
        "1999-01-01",
        "metric math",
        "p99",
    ] {
        let lines = log.lines().filter(|line| line.contains(word)).count();
        assert_eq!(lines, 1, "{word}\n{log}");
    }
    assert_eq!(log.lines().count(), 7, "nothing else is logged\n{log}");
}

#[test]
fn a_start_that_fails_says_what_to_do() {
    let fails = |arguments: &[&str]| {
        let output = simulator(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = fails(&["--port", &port]);
    assert!(
        said.contains(&format!("127.0.0.1:{port}")) && said.contains("--port"),
        "{said}"
    );
    let said = fails(&["--port", "0", "--world", "no-such.yaml"]);
    assert!(said.contains("cannot read no-such.yaml"), "{said}");
    let folder = std::env::temp_dir().join(format!("evenkeel-sim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let world = folder.join("world.yaml");
    std::fs::write(&world, "zone: {}\n").unwrap();
    let said = fails(&["--port", "0", "--world", world.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(said.contains("world.yaml") && said.contains("zone"), "{said}");
}
