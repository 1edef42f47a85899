"""Errors: each declared one is parsed into its class, and each that the simulator gives by itself is declared."""

import datetime

import botocore.session
import pytest
from botocore.exceptions import ClientError
from conftest import WORLD
from shapes import START

MODELS = {
    service: botocore.session.Session().get_service_model(service) for service in ("elasticache", "cloudwatch", "sts")
}
MODEL = MODELS["elasticache"]
ARN = "arn:aws:elasticache:ap-northeast-2:111122223333:replicationgroup:sessions"
# One valid call of each operation.
CALLS = {
    "CreateReplicationGroup": {"ReplicationGroupId": "x", "ReplicationGroupDescription": "d", "NumCacheClusters": 2},
    "DescribeReplicationGroups": {},
    "ModifyReplicationGroup": {"ReplicationGroupId": "carts", "ApplyImmediately": True},
    "DeleteReplicationGroup": {"ReplicationGroupId": "carts"},
    "IncreaseReplicaCount": {"ReplicationGroupId": "sessions", "NewReplicaCount": 2, "ApplyImmediately": True},
    "DecreaseReplicaCount": {"ReplicationGroupId": "sessions", "NewReplicaCount": 0, "ApplyImmediately": True},
    "TestFailover": {"ReplicationGroupId": "sessions", "NodeGroupId": "0001"},
    "DescribeCacheClusters": {},
    "DescribeCacheSubnetGroups": {},
    "CreateCacheSubnetGroup": {
        "CacheSubnetGroupName": "s",
        "CacheSubnetGroupDescription": "d",
        "SubnetIds": ["subnet-s-a"],
    },
    "DescribeEvents": {},
    "ModifyReplicationGroupShardConfiguration": {
        "ReplicationGroupId": "sessions",
        "NodeGroupCount": 3,
        "ApplyImmediately": True,
    },
    "ListTagsForResource": {"ResourceName": ARN},
    "AddTagsToResource": {"ResourceName": ARN, "Tags": [{"Key": "k", "Value": "v"}]},
}
# The operations of the other services.
OTHERS = {
    "cloudwatch": {
        "GetMetricData": {
            "MetricDataQueries": [
                {
                    "Id": "m",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/ElastiCache",
                            "MetricName": "IsMaster",
                            "Dimensions": [{"Name": "CacheClusterId", "Value": "sessions-0001-001"}],
                        },
                        "Period": 60,
                        "Stat": "Maximum",
                    },
                }
            ],
            "StartTime": START,
            "EndTime": START + datetime.timedelta(minutes=1),
        }
    },
    "sts": {
        "GetCallerIdentity": {},
        "AssumeRole": {"RoleArn": "arn:aws:iam::111122223333:role/x", "RoleSessionName": "shop"},
    },
}
ALL = {"elasticache": CALLS, **OTHERS}
DECLARED = [
    (service, operation, error.name, error.metadata["error"]["code"], error.metadata["error"]["httpStatusCode"])
    for service, calls in ALL.items()
    for operation in calls
    for error in MODELS[service].operation_model(operation).error_shapes
]
# What any service may answer besides, and its usual status.
COMMON = [("Throttling", 400), ("InternalFailure", 500), ("ServiceUnavailable", 503), ("AccessDenied", 403)]


def call(cache, operation, **kwargs):
    return getattr(cache, botocore.xform_name(operation))(**kwargs)


def test_the_list_of_operations_is_the_whole_list(cache):
    with pytest.raises(ClientError) as caught:
        cache.reboot_cache_cluster(CacheClusterId="carts-001", CacheNodeIdsToReboot=["0001"])
    assert caught.value.response["Error"]["Code"] == "InvalidAction"
    for operation, kwargs in CALLS.items():
        if operation.startswith(("Describe", "List", "Add")):
            assert call(cache, operation, **kwargs)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_each_declared_error_is_parsed_into_its_class_with_the_models_status(process):
    process.reset()
    clients = {service: process.client(service) for service in ALL}
    assert len(DECLARED) > 100
    assert {service for service, *_ in DECLARED} == set(ALL)
    for service, operation, name, code, status in DECLARED:
        client = clients[service]
        process.control("DELETE", "faults")
        process.control("POST", "faults", {"operation": operation, "error": {"code": code, "message": "so"}})
        with pytest.raises(getattr(client.exceptions, name)) as caught:
            call(client, operation, **ALL[service][operation])
        reply = caught.value.response
        assert (reply["Error"]["Code"], reply["Error"]["Message"]) == (code, "so"), operation
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == status, (operation, code)


def test_errors_that_no_model_lists_are_read_in_every_operation(process):
    process.reset()
    for service, calls in ALL.items():
        client = process.client(service)
        for operation, kwargs in calls.items():
            for code, status in COMMON:
                process.control("DELETE", "faults")
                process.control("POST", "faults", {"operation": operation, "error": {"code": code}})
                with pytest.raises(ClientError) as caught:
                    call(client, operation, **kwargs)
                reply = caught.value.response
                found = (reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"])
                assert found == (code, status), operation


PAGED = ("DescribeReplicationGroups", "DescribeCacheClusters", "DescribeCacheSubnetGroups", "DescribeEvents")


@pytest.mark.parametrize("operation", PAGED)
def test_max_records_is_twenty_to_a_hundred_in_every_list(cache, operation):
    for count in (20, 100):
        assert call(cache, operation, MaxRecords=count)["ResponseMetadata"]["HTTPStatusCode"] == 200
    for count in (0, 19, 101):
        with pytest.raises(ClientError) as caught:
            call(cache, operation, MaxRecords=count)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"
        assert "20 and 100" in caught.value.response["Error"]["Message"]


def test_every_list_that_is_paged_is_in_the_test_above():
    paged = {name for name in CALLS if "MaxRecords" in MODEL.operation_model(name).input_shape.members}
    assert paged == set(PAGED)


def test_filters_are_anded(sim, cache):
    cache.test_failover(ReplicationGroupId="sessions", NodeGroupId="0001")
    sim.advance("30m")
    sim.control("POST", "switches", {"failoverEventForm": "documented"})
    cache.test_failover(ReplicationGroupId="carts", NodeGroupId="0001")
    sim.advance("20m")

    def events(**filters):
        return [event["Message"] for event in cache.describe_events(**filters)["Events"]]

    assert len(events(Duration=60)) > len(events(Duration=60, SourceIdentifier="carts")) > 0
    of_group = events(Duration=60, SourceIdentifier="carts", SourceType="replication-group")
    assert of_group == [
        "Failover from primary node carts-001 to replica node carts-002 completed",
        "Test Failover API called for node group 0001",
    ]
    assert events(Duration=60, SourceIdentifier="carts", SourceType="cache-cluster") == []
    assert events(Duration=10, SourceIdentifier="carts", SourceType="replication-group") == []
    with pytest.raises(cache.exceptions.CacheClusterNotFoundFault):
        cache.describe_cache_clusters(CacheClusterId="carts-001", ShowCacheClustersNotInReplicationGroups=True)


def shard(count, *zones, name="0001"):
    config = {"NodeGroupId": name, "NewReplicaCount": count}
    if zones:
        config["PreferredAvailabilityZones"] = [f"ap-northeast-2{zone}" for zone in zones]
    return {"ReplicaConfiguration": [config], "ReplicationGroupId": "sessions", "ApplyImmediately": True}


SESSIONS = {"ReplicationGroupId": "sessions"}
NOW = {"ApplyImmediately": True}
# (operation, parameters, code, a part of the message)
REFUSALS = [
    ("DescribeReplicationGroups", {"ReplicationGroupId": "nope"}, "ReplicationGroupNotFoundFault", "nope"),
    ("DescribeReplicationGroups", {"MaxRecords": 19}, "InvalidParameterValue", "20 and 100"),
    ("DescribeReplicationGroups", {"Marker": "zz"}, "InvalidParameterValue", "Marker"),
    ("DescribeCacheClusters", {"CacheClusterId": "nope"}, "CacheClusterNotFound", "nope"),
    ("DescribeCacheSubnetGroups", {"CacheSubnetGroupName": "nope"}, "CacheSubnetGroupNotFoundFault", "nope"),
    ("DescribeEvents", {"StartTime": START, "Duration": 99999}, "InvalidParameterValue", "20160"),
    ("ListTagsForResource", {"ResourceName": ARN[:-1]}, "ReplicationGroupNotFoundFault", "session"),
    ("ListTagsForResource", {"ResourceName": "x"}, "InvalidARN", "x"),
    ("TestFailover", {**SESSIONS, "NodeGroupId": "0009"}, "NodeGroupNotFoundFault", "0009"),
    ("IncreaseReplicaCount", shard(1), "NoOperationFault", "current"),
    ("IncreaseReplicaCount", shard(2, "a", "c"), "InvalidParameterValue", "plus one for the primary"),
    ("IncreaseReplicaCount", shard(2, "a", "c", "d"), "InvalidParameterValue", "ap-northeast-2d"),
    ("IncreaseReplicaCount", {**SESSIONS, **NOW}, "InvalidParameterCombination", "Exactly one"),
    ("IncreaseReplicaCount", {**shard(2), "ApplyImmediately": False}, "InvalidParameterValue", "ApplyImmediately"),
    ("DecreaseReplicaCount", shard(1), "NoOperationFault", "current"),
    ("DecreaseReplicaCount", {**SESSIONS, **NOW, "ReplicasToRemove": ["x"]}, "InvalidParameterValue", "x is not"),
    (
        "DecreaseReplicaCount",
        {"ReplicationGroupId": "carts", **NOW, "NewReplicaCount": 0},
        "InvalidParameterValue",
        "Must have at least 1 replica when cluster mode is disabled with auto failover enabled.",
    ),
    (
        "ModifyReplicationGroup",
        {**SESSIONS, "AutomaticFailoverEnabled": False, "MultiAZEnabled": False},
        "InvalidParameterCombination",
        "Turning off automatic failover for replication group with cluster mode enabled is not supported.",
    ),
    (
        "CreateReplicationGroup",
        {**CALLS["CreateReplicationGroup"], "PreferredCacheClusterAZs": ["ap-northeast-2a"]},
        "InvalidParameterValue",
        "When specifying preferred availability zones, the number of cache clusters must be specified and must match "
        "the number of preferred availability zones.",
    ),
    (
        "CreateReplicationGroup",
        {**CALLS["CreateReplicationGroup"], "NumCacheClusters": 1, "AutomaticFailoverEnabled": True},
        "InvalidParameterCombination",
        "When using automatic failover, there must be at least 2 cache clusters in the replication group.",
    ),
    (
        "CreateReplicationGroup",
        {"ReplicationGroupId": "x", "ReplicationGroupDescription": "d", "NumNodeGroups": 2, "PreferredCacheClusterAZs": ["a"]},
        "InvalidParameterCombination",
        "PreferredCacheClusterAZs can only be specified for one node group.",
    ),
    ("CreateReplicationGroup", {**CALLS["CreateReplicationGroup"], "ReplicationGroupId": "carts"}, "ReplicationGroupAlreadyExists", "carts"),
    ("CreateCacheSubnetGroup", {**CALLS["CreateCacheSubnetGroup"], "SubnetIds": ["x"]}, "InvalidSubnet", "x"),
    ("CreateCacheSubnetGroup", {**CALLS["CreateCacheSubnetGroup"], "CacheSubnetGroupName": "shop-cache"}, "CacheSubnetGroupAlreadyExists", "shop-cache"),
    ("ModifyReplicationGroupShardConfiguration", {**SESSIONS, **NOW, "NodeGroupCount": 501}, "NodeGroupsPerReplicationGroupQuotaExceeded", "500"),
    ("DeleteReplicationGroup", {"ReplicationGroupId": "nope"}, "ReplicationGroupNotFoundFault", "nope"),
]


@pytest.mark.parametrize(("operation", "kwargs", "code", "text"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_refusal_has_a_code_that_the_model_declares_for_the_operation(cache, operation, kwargs, code, text):
    with pytest.raises(ClientError) as caught:
        call(cache, operation, **kwargs)
    reply = caught.value.response
    assert reply["Error"]["Code"] == code
    assert text in reply["Error"]["Message"]
    declared = {
        error.metadata["error"]["code"]: error.metadata["error"]["httpStatusCode"]
        for error in MODEL.operation_model(operation).error_shapes
    }
    # The models of DescribeCacheSubnetGroups and CreateCacheSubnetGroup declare no parameter errors.
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == declared[code]


def test_a_busy_group_is_refused_in_every_change(cache):
    cache.increase_replica_count(ReplicationGroupId="sessions", NewReplicaCount=2, ApplyImmediately=True)
    for operation in (
        "IncreaseReplicaCount",
        "DecreaseReplicaCount",
        "TestFailover",
        "ModifyReplicationGroupShardConfiguration",
        "ListTagsForResource",
        "AddTagsToResource",
    ):
        with pytest.raises(cache.exceptions.InvalidReplicationGroupStateFault):
            call(cache, operation, **CALLS[operation])
    with pytest.raises(cache.exceptions.InvalidReplicationGroupStateFault) as caught:
        cache.list_tags_for_resource(ResourceName=ARN)
    assert caught.value.response["Error"]["Message"] == (
        "Cluster not in available state to perform tagging operations."
    )


def test_the_sixteenth_test_failover_of_a_day_is_refused(sim, cache):
    groups = ", ".join(f"{{id: g{n:02}, shards: ['a:P c:r']}}" for n in range(16))
    sim.reset(WORLD.split("replicationGroups:")[0] + f"replicationGroups: [{groups}]\n")
    for n in range(15):
        cache.test_failover(ReplicationGroupId=f"g{n:02}", NodeGroupId="0001")
    with pytest.raises(cache.exceptions.APICallRateForCustomerExceededFault):
        cache.test_failover(ReplicationGroupId="g15", NodeGroupId="0001")


def test_throttling_is_what_botocore_retries(sim):
    sim.control("POST", "faults", {"times": 2, "throttle": True})
    session = botocore.session.Session()
    client = session.create_client(
        "elasticache",
        region_name="ap-northeast-2",
        endpoint_url=sim.url,
        aws_access_key_id="AKIASIMULATOR0000000",
        aws_secret_access_key="secret",
    )
    reply = client.describe_replication_groups()
    assert reply["ResponseMetadata"]["RetryAttempts"] == 2


def test_what_no_policy_allows_is_denied_in_every_format(sim):
    sim.control("POST", "policies", {"default": []})
    for service, calls in ALL.items():
        client = sim.client(service)
        for operation, kwargs in calls.items():
            # Who one is, one may always ask.
            if operation == "GetCallerIdentity":
                call(client, operation, **kwargs)
                continue
            with pytest.raises(ClientError) as caught:
                call(client, operation, **kwargs)
            reply = caught.value.response
            found = (reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"])
            assert found == ("AccessDenied", 403), operation
            action = f"{service}:{operation}"
            assert f"is not authorized to perform: {action}" in reply["Error"]["Message"]
            assert reply["Error"]["Message"].endswith(f"because no identity-based policy allows the {action} action")


def test_a_refusal_reads_as_users_have_recorded_it(sim):
    sim.control("POST", "policies", {"default": []})
    with pytest.raises(ClientError) as caught:
        sim.client("elasticache").describe_cache_clusters()
    assert caught.value.response["Error"]["Message"] == (
        "User: arn:aws:iam::111122223333:user/akiasimulator0000000 is not authorized to perform: "
        "elasticache:DescribeCacheClusters on resource: arn:aws:elasticache:ap-northeast-2:111122223333:cluster:* "
        "because no identity-based policy allows the elasticache:DescribeCacheClusters action"
    )
