"""Which fields are there, and above all which are not."""

from conftest import WORLD
from shapes import paths

GROUP = {
    "ReplicationGroupId",
    "Description",
    "GlobalReplicationGroupInfo",
    "Status",
    "PendingModifiedValues",
    "MemberClusters",
    "NodeGroups",
    "NodeGroups[].NodeGroupId",
    "NodeGroups[].Status",
    "NodeGroups[].NodeGroupMembers",
    "NodeGroups[].NodeGroupMembers[].CacheClusterId",
    "NodeGroups[].NodeGroupMembers[].CacheNodeId",
    "NodeGroups[].NodeGroupMembers[].PreferredAvailabilityZone",
    "AutomaticFailover",
    "MultiAZ",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
    "ClusterEnabled",
    "CacheNodeType",
    "AuthTokenEnabled",
    "TransitEncryptionEnabled",
    "AtRestEncryptionEnabled",
    "ARN",
    "LogDeliveryConfigurations",
    "ReplicationGroupCreateTime",
    "DataTiering",
    "AutoMinorVersionUpgrade",
    "NetworkType",
    "IpDiscovery",
    "ClusterMode",
    "Engine",
}
CONFIGURATION = {"ConfigurationEndpoint", "ConfigurationEndpoint.Address", "ConfigurationEndpoint.Port"}
ROLES = {
    f"NodeGroups[].{endpoint}{part}"
    for endpoint in ("PrimaryEndpoint", "ReaderEndpoint", "NodeGroupMembers[].ReadEndpoint")
    for part in ("", ".Address", ".Port")
} | {"NodeGroups[].NodeGroupMembers[].CurrentRole"}
SLOTS = {"NodeGroups[].Slots"}


def group(cache, name):
    return cache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]


def test_cluster_mode_enabled_has_no_role_and_no_shard_endpoint(cache):
    found = group(cache, "sessions")
    assert set(paths(found)) == GROUP | CONFIGURATION | SLOTS
    assert found["ClusterEnabled"] is True
    assert [len(shard["NodeGroupMembers"]) for shard in found["NodeGroups"]] == [2, 2]
    assert found["GlobalReplicationGroupInfo"] == {}
    assert found["PendingModifiedValues"] == {}


def test_cluster_mode_disabled_has_roles_and_no_slots_and_no_configuration_endpoint(cache):
    found = group(cache, "carts")
    assert set(paths(found)) == GROUP | ROLES
    assert found["ClusterEnabled"] is False
    roles = [member["CurrentRole"] for member in found["NodeGroups"][0]["NodeGroupMembers"]]
    assert roles == ["primary", "replica"]
    assert found["NodeGroups"][0]["PrimaryEndpoint"]["Address"].endswith(".ng.0001.apn2.cache.amazonaws.com")


def test_cluster_mode_compatible_is_cluster_enabled_and_shows_both(cache):
    found = group(cache, "mixed")
    assert set(paths(found)) == GROUP | ROLES | SLOTS | CONFIGURATION
    assert (found["ClusterEnabled"], found["ClusterMode"]) == (True, "compatible")
    assert found["ConfigurationEndpoint"]["Address"].startswith("clustercfg.mixed."), "TLS host names"


def test_durability_is_shown_where_a_group_has_any(sim, cache):
    groups = "{id: log, shards: ['a:P c:r'], durability: sync}, {id: usual, shards: ['a:P c:r'], durability: default}"
    sim.reset(WORLD.split("replicationGroups:")[0] + f"replicationGroups: [{groups}]\n")
    log, usual = group(cache, "log"), group(cache, "usual")
    assert set(paths(log)) == GROUP | CONFIGURATION | SLOTS | {"Durability", "EffectiveDurability"}
    assert (log["Durability"], log["EffectiveDurability"]) == ("sync", "sync")
    assert (usual["Durability"], usual["EffectiveDurability"]) == ("default", "disabled")


def test_a_group_being_created_has_members_but_no_shards(sim, cache):
    made = cache.create_replication_group(
        ReplicationGroupId="new", ReplicationGroupDescription="d", NumNodeGroups=2, ReplicasPerNodeGroup=1
    )["ReplicationGroup"]
    assert (made["Status"], made["NodeGroups"], len(made["MemberClusters"])) == ("creating", [], 4)
    assert "ConfigurationEndpoint" not in made
    sim.advance("10m")
    assert set(paths(group(cache, "new"))) == GROUP | CONFIGURATION | SLOTS


CLUSTER = {
    "CacheClusterId",
    "ClientDownloadLandingPage",
    "CacheNodeType",
    "Engine",
    "EngineVersion",
    "CacheClusterStatus",
    "NumCacheNodes",
    "PreferredAvailabilityZone",
    "CacheClusterCreateTime",
    "PreferredMaintenanceWindow",
    "PendingModifiedValues",
    "CacheSecurityGroups",
    "CacheParameterGroup",
    "CacheParameterGroup.CacheParameterGroupName",
    "CacheParameterGroup.ParameterApplyStatus",
    "CacheParameterGroup.CacheNodeIdsToReboot",
    "CacheSubnetGroupName",
    "AutoMinorVersionUpgrade",
    "SecurityGroups",
    "SecurityGroups[].SecurityGroupId",
    "SecurityGroups[].Status",
    "ReplicationGroupId",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
    "AuthTokenEnabled",
    "TransitEncryptionEnabled",
    "AtRestEncryptionEnabled",
    "ARN",
    "ReplicationGroupLogDeliveryEnabled",
    "LogDeliveryConfigurations",
    "NetworkType",
    "IpDiscovery",
}
NODES = {"CacheNodes"} | {
    f"CacheNodes[].{name}"
    for name in (
        "CacheNodeId",
        "CacheNodeStatus",
        "CacheNodeCreateTime",
        "Endpoint",
        "Endpoint.Address",
        "Endpoint.Port",
        "ParameterGroupStatus",
        "CustomerAvailabilityZone",
    )
}


def test_cache_clusters_show_nodes_only_when_asked_and_when_there(sim, cache):
    plain = cache.describe_cache_clusters(CacheClusterId="sessions-0001-001")["CacheClusters"][0]
    assert set(paths(plain)) == CLUSTER
    full = cache.describe_cache_clusters(CacheClusterId="sessions-0001-001", ShowCacheNodeInfo=True)
    assert set(paths(full["CacheClusters"][0])) == CLUSTER | NODES
    cache.increase_replica_count(ReplicationGroupId="sessions", NewReplicaCount=2, ApplyImmediately=True)
    young = cache.describe_cache_clusters(CacheClusterId="sessions-0001-003", ShowCacheNodeInfo=True)
    assert set(paths(young["CacheClusters"][0])) == CLUSTER - {"CacheClusterCreateTime"}
    alone = cache.describe_cache_clusters(ShowCacheClustersNotInReplicationGroups=True)
    assert alone["CacheClusters"] == []


def test_subnet_groups_events_and_tags(sim, cache):
    subnets = cache.describe_cache_subnet_groups()["CacheSubnetGroups"][0]
    assert set(paths(subnets)) == {
        "CacheSubnetGroupName",
        "CacheSubnetGroupDescription",
        "VpcId",
        "Subnets",
        "Subnets[].SubnetIdentifier",
        "Subnets[].SubnetAvailabilityZone",
        "Subnets[].SubnetAvailabilityZone.Name",
        "Subnets[].SupportedNetworkTypes",
        "ARN",
        "SupportedNetworkTypes",
    }
    cache.test_failover(ReplicationGroupId="sessions", NodeGroupId="0001")
    event = cache.describe_events()["Events"][0]
    assert set(paths(event)) == {"SourceIdentifier", "SourceType", "Message", "Date"}
    arn = group(cache, "sessions")["ARN"]
    assert cache.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "evenkeel.dev/owner", "Value": "demo"}]
    added = cache.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "k", "Value": "v"}])["TagList"]
    assert [tag["Key"] for tag in added] == ["evenkeel.dev/owner", "k"]


def test_every_change_answers_with_the_group(sim, cache):
    """Each mutating operation once, over the wire, with lists in botocore's own encoding."""

    def settle():
        sim.advance("40m")
        assert {state["status"] for state in sim.state()["groups"]} == {"available"}

    made = cache.create_cache_subnet_group(
        CacheSubnetGroupName="two", CacheSubnetGroupDescription="d", SubnetIds=["subnet-two-a", "subnet-two-c"]
    )["CacheSubnetGroup"]
    assert [subnet["SubnetAvailabilityZone"]["Name"][-1] for subnet in made["Subnets"]] == ["a", "c"]
    cache.create_replication_group(
        ReplicationGroupId="fresh",
        ReplicationGroupDescription="d",
        CacheSubnetGroupName="two",
        NodeGroupConfiguration=[
            {
                "NodeGroupId": "0001",
                "Slots": "0-8191",
                "ReplicaCount": 1,
                "PrimaryAvailabilityZone": "ap-northeast-2a",
                "ReplicaAvailabilityZones": ["ap-northeast-2c"],
            },
            {"NodeGroupId": "0002", "Slots": "8192-16383", "ReplicaCount": 0},
        ],
        Tags=[{"Key": "k", "Value": "v"}],
    )
    cache.create_replication_group(
        ReplicationGroupId="pair",
        ReplicationGroupDescription="d",
        NumCacheClusters=2,
        AutomaticFailoverEnabled=True,
        PreferredCacheClusterAZs=["ap-northeast-2c", "ap-northeast-2b"],
    )
    settle()
    assert [node["PreferredAvailabilityZone"][-1] for node in members(cache, "pair")] == ["c", "b"]
    reply = cache.increase_replica_count(
        ReplicationGroupId="fresh",
        ReplicaConfiguration=[
            {
                "NodeGroupId": "0002",
                "NewReplicaCount": 1,
                "PreferredAvailabilityZones": [members(cache, "fresh", 1)[0]["PreferredAvailabilityZone"], "ap-northeast-2a"],
            }
        ],
        ApplyImmediately=True,
    )
    assert reply["ReplicationGroup"]["Status"] == "modifying"
    settle()
    cache.decrease_replica_count(
        ReplicationGroupId="fresh", ReplicasToRemove=["fresh-0002-002"], ApplyImmediately=True
    )
    settle()
    assert len(members(cache, "fresh", 1)) == 1
    cache.modify_replication_group_shard_configuration(
        ReplicationGroupId="fresh",
        NodeGroupCount=3,
        ApplyImmediately=True,
        ReshardingConfiguration=[{"NodeGroupId": "0003", "PreferredAvailabilityZones": ["ap-northeast-2a"]}],
    )
    moving = group(cache, "fresh")
    assert moving["PendingModifiedValues"]["Resharding"]["SlotMigration"]["ProgressPercentage"] == 0
    settle()
    cache.modify_replication_group_shard_configuration(
        ReplicationGroupId="fresh", NodeGroupCount=2, ApplyImmediately=True, NodeGroupsToRetain=["0001", "0003"]
    )
    settle()
    assert [shard["NodeGroupId"] for shard in group(cache, "fresh")["NodeGroups"]] == ["0001", "0003"]
    cache.modify_replication_group(
        ReplicationGroupId="pair", MultiAZEnabled=True, ApplyImmediately=True, PreferredMaintenanceWindow="tue:01:00-tue:02:00"
    )
    settle()
    assert group(cache, "pair")["MultiAZ"] == "enabled"
    cache.test_failover(ReplicationGroupId="pair", NodeGroupId="0001")
    settle()
    assert [node["CurrentRole"] for node in members(cache, "pair")] == ["replica", "primary"]
    gone = cache.delete_replication_group(ReplicationGroupId="pair")["ReplicationGroup"]
    assert gone["Status"] == "deleting"
    sim.advance("5m")
    assert "pair" not in {state["id"] for state in sim.state()["groups"]}


def members(cache, name, shard=0):
    return group(cache, name)["NodeGroups"][shard]["NodeGroupMembers"]


def test_pages_are_followed_by_botocores_paginators(sim, cache):
    groups = ", ".join(f"{{id: g{n:03}, shards: ['a:P c:r']}}" for n in range(45))
    sim.reset(WORLD.split("replicationGroups:")[0] + f"replicationGroups: [{groups}]\n")
    for operation, key, count in (
        ("describe_replication_groups", "ReplicationGroups", 45),
        ("describe_cache_clusters", "CacheClusters", 90),
    ):
        pages = list(cache.get_paginator(operation).paginate(PaginationConfig={"PageSize": 20}))
        found = [tuple(sorted(record.items(), key=str)) for page in pages for record in page[key]]
        assert len(pages) == -(-count // 20)
        assert len(found) == count
    for n in range(15):
        cache.test_failover(ReplicationGroupId=f"g{n:03}", NodeGroupId="0001")
    pages = cache.get_paginator("describe_events").paginate(Duration=60, PaginationConfig={"PageSize": 20})
    sim.advance("20m")
    events = [event for page in pages for event in page["Events"]]
    assert [event["Date"] for event in events] == sorted((event["Date"] for event in events), reverse=True)
    assert sum(event["Message"].startswith("Finished recovery") for event in events) == 15
