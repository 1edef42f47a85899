"""`evenkeel plan` on moto, an emulator of AWS that knows nothing of Evenkeel and shares no code with its simulator.

What moto 5.2 models of ElastiCache, and what is done about the rest:

- Replication groups with settings, shards, members, zones and (cluster mode disabled) roles: modelled, and judged here.
- DescribeCacheClusters doesn't show the members of a group. `complete` creates them as clusters of their own; the group
  `undescribed` is left as moto has it.
- A subnet group names no zones of its subnets, so the zones of a stack are those where nodes stand, or those given.
- DescribeEvents doesn't exist (500), and CloudWatch doesn't speak the SDK's protocol (an HTML page): whether nodes are
  alive, who is primary in cluster mode enabled, and which failovers there were can't be known. So every verdict must be
  Unknown and nothing may be planned that disrupts; a verdict here would be an invention.
"""

import json
import os
import pathlib
import subprocess

import boto3
import pytest
from moto.server import ThreadedMotoServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
A, B, C = f"{REGION}a", f"{REGION}b", f"{REGION}c"
CREDENTIALS = {"aws_access_key_id": "AKIAEMULATED00000000", "aws_secret_access_key": "emulated"}
DISRUPTIVE = {"MovePrimary", "RemoveReplica"}
PROTECTED = {"MultiAZEnabled": True, "AutomaticFailoverEnabled": True}
UNPROTECTED = {"MultiAZEnabled": False, "AutomaticFailoverEnabled": False}


def evenkeel() -> pathlib.Path:
    built = subprocess.run([ROOT / "hack/programs"], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(built.stdout.strip()) / "evenkeel"


class Aws:
    """A running moto and what is in it."""

    def __init__(self, url: str):
        self.url = url
        self.elasticache = boto3.client("elasticache", region_name=REGION, endpoint_url=url, **CREDENTIALS)
        ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=url, **CREDENTIALS)
        subnets = {s["AvailabilityZone"]: s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]}
        self.elasticache.create_cache_subnet_group(
            CacheSubnetGroupName="shop",
            CacheSubnetGroupDescription="of the tests",
            SubnetIds=[subnets[A], subnets[B], subnets[C]],
        )

    def group(self, identifier: str, complete: bool = True, **settings):
        created = self.elasticache.create_replication_group(
            ReplicationGroupId=identifier,
            ReplicationGroupDescription="of the tests",
            Engine="redis",
            CacheNodeType="cache.t4g.small",
            CacheSubnetGroupName="shop",
            **settings,
        )["ReplicationGroup"]
        if complete:
            for shard in created["NodeGroups"]:
                for member in shard["NodeGroupMembers"]:
                    self.complete(identifier, member)

    def complete(self, identifier: str, member: dict):
        self.elasticache.create_cache_cluster(
            CacheClusterId=member["CacheClusterId"],
            ReplicationGroupId=identifier,
            PreferredAvailabilityZone=member["PreferredAvailabilityZone"],
            Engine="redis",
            EngineVersion="7.1",
            CacheNodeType="cache.t4g.small",
            CacheSubnetGroupName="shop",
        )

    def plan(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [evenkeel(), "plan", "--aws-endpoint-url", self.url, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
                "AWS_REGION": REGION,
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )


@pytest.fixture(scope="module")
def aws():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    aws = Aws(f"http://{host}:{port}")
    # Moto knows replicas by ReplicasPerNodeGroup only, in cluster mode disabled too.
    aws.group("protected", ReplicasPerNodeGroup=1, PreferredCacheClusterAZs=[A, C], **PROTECTED)
    aws.group("unprotected", ReplicasPerNodeGroup=1, PreferredCacheClusterAZs=[A, C], **UNPROTECTED)
    aws.group("one-zone", ReplicasPerNodeGroup=1, PreferredCacheClusterAZs=[A, A], **UNPROTECTED)
    aws.group("lonely", PreferredCacheClusterAZs=[A], **UNPROTECTED)
    aws.group("sharded", ClusterMode="enabled", NumNodeGroups=2, ReplicasPerNodeGroup=1, **PROTECTED)
    zones = [
        {"NodeGroupId": "0001", "PrimaryAvailabilityZone": A, "ReplicaAvailabilityZones": [A], "ReplicaCount": 1},
        {"NodeGroupId": "0002", "PrimaryAvailabilityZone": B, "ReplicaAvailabilityZones": [A], "ReplicaCount": 1},
    ]
    aws.group(
        "half-colocated", ClusterMode="enabled", NumNodeGroups=2, NodeGroupConfiguration=zones, **PROTECTED
    )
    aws.group("undescribed", complete=False, ReplicasPerNodeGroup=1, **PROTECTED)
    yield aws
    server.stop()


@pytest.fixture(scope="module")
def planned(aws):
    """The plans of all groups, by group, from one look."""
    groups = [
        "protected",
        "unprotected",
        "one-zone",
        "lonely",
        "sharded",
        "half-colocated",
        "undescribed",
    ]
    before = aws.elasticache.describe_replication_groups()["ReplicationGroups"]
    caches = [argument for group in groups for argument in ("--cache", group)]
    answer = aws.plan("-o", "json", *caches)
    assert answer.returncode == 0, answer.stderr
    assert "DescribeEvents" in answer.stderr and "GetMetricData" in answer.stderr, "what failed is told"
    after = aws.elasticache.describe_replication_groups()["ReplicationGroups"]
    assert before == after, "a plan changes nothing"
    plans = {plan["components"][0]["identifier"]: plan for plan in json.loads(answer.stdout)}
    assert set(plans) == set(groups)
    return plans


def findings(plan: dict) -> set:
    return {(finding["code"], finding["subject"]) for finding in plan["findings"]}


def nodes(plan: dict) -> dict:
    return {node["id"]: (node["shard"], node["zone"], node["role"]) for node in plan["components"][0]["nodes"]}


def test_what_cannot_be_known_is_unknown_and_disrupts_nothing(planned):
    for group, plan in planned.items():
        assert plan["zones"], group
        assert {zone["verdict"] for zone in plan["zones"]} == {"Unknown"}, group
        assert {verdict["verdict"] for verdict in plan["verdicts"]} == {"Unknown"}, group
        assert {zone["state"] for zone in plan["zones"]} <= {"Healthy", "Unknown"}, group
        assert not DISRUPTIVE & {action["type"] for action in plan["actions"]}, group
        assert ("freshness", None) in {(hold["guardrail"], hold["action"]) for hold in plan["holds"]}, group


def test_a_protected_group_has_no_finding(planned):
    plan = planned["protected"]
    assert findings(plan) == set()
    assert plan["actions"] == []
    assert nodes(plan) == {
        "protected-001": ("0001", A, "Primary"),
        "protected-002": ("0001", C, "Replica"),
    }
    assert plan["components"][0]["status"] == "Available"


def test_settings_that_are_off_are_found_and_turned_on_in_order(planned):
    plan = planned["unprotected"]
    assert findings(plan) == {
        ("AutomaticFailoverDisabled", "unprotected"),
        ("MultiAzDisabled", "unprotected"),
    }
    assert [(action["type"], action["subject"]) for action in plan["actions"]] == [
        ("EnableAutomaticFailover", "unprotected"),
        ("EnableMultiAz", "unprotected"),
    ]


def test_a_group_in_one_zone_is_found(planned):
    assert findings(planned["one-zone"]) == {
        ("SingleZone", "one-zone"),
        ("AutomaticFailoverDisabled", "one-zone"),
        ("MultiAzDisabled", "one-zone"),
    }


def test_a_missing_replica_is_found(planned):
    plan = planned["lonely"]
    assert ("ReplicaShortfall", "0001") in findings(plan)
    assert ("SingleZone", "lonely") in findings(plan)
    assert nodes(plan) == {"lonely-001": ("0001", A, "Primary")}


def test_in_cluster_mode_enabled_roles_are_unknown_because_no_metric_tells_them(planned):
    plan = planned["sharded"]
    assert findings(plan) == {("RoleUnknown", "0001"), ("RoleUnknown", "0002")}
    assert nodes(plan) == {
        "sharded-0001-001": ("0001", A, "Unknown"),
        "sharded-0001-002": ("0001", B, "Unknown"),
        "sharded-0002-001": ("0002", A, "Unknown"),
        "sharded-0002-002": ("0002", B, "Unknown"),
    }


def test_a_shard_in_one_zone_is_found_beside_one_that_is_spread(planned):
    found = findings(planned["half-colocated"])
    assert ("ShardColocated", "0001") in found
    assert ("ShardColocated", "0002") not in found
    assert not {"SingleZone", "MultiAzDisabled", "AutomaticFailoverDisabled"} & {code for code, _ in found}


def test_nodes_that_nobody_describes_are_unknown_and_not_missing(planned):
    plan = planned["undescribed"]
    assert {node["health"] for node in plan["components"][0]["nodes"]} == {"Unknown"}
    assert "ReplicaShortfall" not in {code for code, _ in findings(plan)}
    assert plan["actions"] == []


def manifest(group: str) -> str:
    return f"""
apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata: {{name: shop}}
spec:
  aws: {{region: {REGION}}}
  zones: [{{name: {A}}}, {{name: {C}}}]
  caches: [{{name: sessions, replicationGroup: {group}}}]
"""


def test_a_manifest_is_planned_like_the_group_that_it_names(aws):
    answer = aws.plan("-f", "-", "-o", "json", "--detailed-exitcode", stdin=manifest("unprotected"))
    assert answer.returncode == 4, f"could not judge\n{answer.stderr}"
    plan = json.loads(answer.stdout)
    assert plan["stack"] == {"namespace": "default", "name": "shop"}
    assert plan["components"][0]["name"] == "sessions"
    assert findings(plan) == {
        ("AutomaticFailoverDisabled", "unprotected"),
        ("MultiAzDisabled", "unprotected"),
    }


def test_a_manifest_that_names_no_group_of_the_account_is_a_finding_and_not_an_error(aws):
    answer = aws.plan("-f", "-", "-o", "json", stdin=manifest("absent"))
    assert answer.returncode == 0, answer.stderr
    plan = json.loads(answer.stdout)
    assert {code for code, _ in findings(plan)} == {"ResourceNotFound"}
    assert (plan["components"][0]["status"], plan["actions"]) == ("Missing", [])


def test_an_id_that_names_no_group_is_an_error_that_says_what_there_is(aws):
    answer = aws.plan("--cache", "shardet", "--detailed-exitcode")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "there is no replication group shardet in us-east-1 of account 123456789012" in answer.stderr
    assert "did you mean sharded?" in answer.stderr


def test_the_table_says_first_that_nobody_can_tell(aws):
    answer = aws.plan("--cache", "protected", "--detailed-exitcode")
    assert answer.returncode == 4, answer.stderr
    first = answer.stdout.splitlines()[0]
    assert first == f"Can default/protected lose a zone right now? That can't be told: {A}, {C}."
