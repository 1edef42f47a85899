//! The server and intake accept and refuse the same manifests: values at the edges of every rule, one at a time.
//!
//! Names of time zones are left out: only intake knows which exist.

use crate::defaults::through_intake;
use crate::support::{GOOD, cluster, json, submit};
use serde_json::{Value, json};

/// (where in the good spec, the values tried there)
const TEXTS: &[(&[&str], &[&str])] = &[
    (
        &[
            "/objectives/recoveryTime",
            "/guardrails/quietPeriod",
            "/guardrails/replaceAfter",
        ],
        &[
            "0s",
            "1.5h",
            ".5h",
            "1.h",
            "5",
            "1us",
            "1d",
            "+5m",
            "-5m",
            "1h 30m",
            "",
            "8784h",
            "8784h1ms",
            "1H",
            "999999999h",
            "9999999999h",
            "0.000000001s",
            "1e3s",
            "1m1m",
            "PT5M",
        ],
    ),
    (
        &["/accepted/0/until"],
        &[
            "2027-03-31T00:00:00Z",
            "2027-03-31T00:00:00+09:00",
            "2027-03-31T00:00:00-23:59",
            "2027-03-31T00:00:00+24:00",
            "2027-03-31T00:00:00.5Z",
            "2027-03-31T00:00:00z",
            "2027-03-31t00:00:00Z",
            "2027-03-31 00:00:00Z",
            "2027-03-31T00:00Z",
            "2027-03-31T24:00:00Z",
            "2027-03-31T23:59:60Z",
            "2027-03-31T00:00:00",
            "2027-03-31",
            "2027-02-29T00:00:00Z",
            "2028-02-29T00:00:00Z",
            "2027-02-30T00:00:00Z",
            "2027-00-01T00:00:00Z",
            "2027-01-00T00:00:00Z",
            "1999-12-31T00:00:00Z",
            "2000-01-01T00:00:00Z",
            "2099-12-31T23:59:59Z",
            "2100-01-01T00:00:00Z",
            "2027-03-31T00:00:00Z[UTC]",
            "2027-03-31T00:00:00+0900",
            "20270331T000000Z",
            "",
        ],
    ),
    (&["/accepted/0/component"], &["sessions", "carts", "Sessions", ""]),
    (
        &["/accepted/0/finding"],
        &[
            "SingleZone",
            "AccessDenied",
            "AcceptanceExpired",
            "singleZone",
            "",
        ],
    ),
    (
        &["/caches/0/name"],
        &[
            "a",
            "a.b",
            "-a",
            "a-",
            "a_b",
            "A",
            "",
            "0",
            "a--b",
            "a23456789b123456789c123456789d123456789e123456789f123456789g123",
            "a23456789b123456789c123456789d123456789e123456789f123456789g1234",
        ],
    ),
    (
        &["/caches/0/replicationGroup"],
        &[
            "a",
            "A-1",
            "a--b",
            "a-",
            "1a",
            "",
            "a_b",
            "a.b",
            "a123456789b123456789c123456789d123456789",
            "a123456789b123456789c123456789d123456789e",
        ],
    ),
    (
        &["/zones/1/name", "/caches/0/preferredPrimaryZones/0"],
        &[
            "ap-northeast-2a",
            "ap-northeast-2b",
            "ap-northeast-2c",
            "ap-northeast-2A",
            "ap-northeast-2ab",
            "ap-northeast-22",
            "ap-northeast-22a",
            "ap-northeast-2",
            "ap-northeast-1c",
            "apne2-az1",
            "ap-northeast-2-sel-1a",
            "",
        ],
    ),
    (
        &["/zones/1/id"],
        &[
            "apne2-az1",
            "apne2-az2",
            "use1-az10",
            "use1-az100",
            "apne2-AZ1",
            "-az1",
            "usw2-lax1-az1",
            "",
        ],
    ),
    (
        &["/aws/region"],
        &[
            "ap-northeast-2",
            "ap-northeast-12",
            "us-east-1",
            "ap-northeast",
            "AP-NORTHEAST-2",
            "",
            "ap--2",
        ],
    ),
    (
        &["/aws/accountRef/name"],
        &["a", "a.b", "a..b", ".a", "a.", "a.-b", "A", ""],
    ),
    (
        &["/guardrails/windows/0/from", "/guardrails/denyWindows/0/to"],
        &["00:00", "23:59", "24:00", "7:00", "07:60", "0700", "", "07:00:00"],
    ),
    (
        &["/mode", "/policy/MovePrimary", "/guardrails/windows/0/days/0"],
        &["Observe", "observe", "Auto", "Report", "Tue", "Wed", "Monday", ""],
    ),
];

const NUMBERS: (&[&str], &[i64]) = (
    &[
        "/placement/maxSkew",
        "/guardrails/maxAddedNodes",
        "/guardrails/maxConcurrentDisruptions",
        "/caches/0/minReplicasPerShard",
        "/caches/0/placement/maxSkew",
    ],
    &[
        -1,
        0,
        1,
        5,
        6,
        100,
        101,
        1000,
        1001,
        2_147_483_647,
        2_147_483_648,
        9_999_999_999,
    ],
);

/// Places for values of every JSON type.
const SHAPES: &[&str] = &[
    "/mode",
    "/policy",
    "/aws",
    "/aws/region",
    "/aws/accountRef",
    "/zones",
    "/zones/0",
    "/objectives/recoveryPoint",
    "/placement",
    "/placement/maxSkew",
    "/guardrails",
    "/guardrails/windows",
    "/guardrails/windows/0/days",
    "/accepted",
    "/accepted/0",
    "/accepted/0/until",
    "/caches",
    "/caches/0",
    "/caches/0/preferredPrimaryZones",
];

fn tampering() -> Vec<(&'static str, Value)> {
    let texts = TEXTS.iter().flat_map(|(paths, values)| {
        let each = |path: &&'static str| values.iter().map(|v| (*path, json!(v))).collect::<Vec<_>>();
        paths.iter().flat_map(each).collect::<Vec<_>>()
    });
    let (paths, values) = NUMBERS;
    let numbers = paths
        .iter()
        .flat_map(|path| values.iter().map(|v| (*path, json!(v))));
    let shapes = SHAPES.iter().flat_map(|path| {
        let values = [
            json!([]),
            json!({}),
            json!(true),
            json!(1.5),
            json!("x"),
            json!(["x"]),
            json!({"x": 1}),
        ];
        values.map(|v| (*path, v))
    });
    texts.chain(numbers).chain(shapes).collect()
}

#[tokio::test]
async fn the_server_and_intake_accept_and_refuse_the_same_manifests() {
    let client = cluster().await.admin().client().await.unwrap();
    let (mut accepted, mut refused, mut differ) = (0, 0, Vec::new());
    for (path, value) in tampering() {
        let mut object = json(GOOD);
        *object["spec"].pointer_mut(path).unwrap() = value.clone();
        match (submit(&client, &object).await, through_intake(&object)) {
            (Ok(_), Ok(_)) => accepted += 1,
            (Err(_), Err(_)) => refused += 1,
            (Ok(_), Err(problems)) => {
                differ.push(format!("{path} {value}: intake alone refuses: {problems:?}"));
            }
            (Err(said), Ok(_)) => differ.push(format!("{path} {value}: the server alone refuses: {said}")),
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    // Both answers are met often: the values are neither harmless nor hopeless.
    assert!(
        accepted > 50 && refused > 150,
        "{accepted} accepted, {refused} refused"
    );
}
