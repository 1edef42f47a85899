//! Every call that the product makes to AWS. The ports name their calls by these, and `deploy/iam/` allows exactly these.

use super::super::errors::Operation;

pub const GET_METRIC_DATA: Operation = Operation {
    service: "cloudwatch",
    name: "GetMetricData",
};
pub const DESCRIBE_CACHE_CLUSTERS: Operation = elasticache("DescribeCacheClusters");
pub const DESCRIBE_CACHE_SUBNET_GROUPS: Operation = elasticache("DescribeCacheSubnetGroups");
pub const DESCRIBE_EVENTS: Operation = elasticache("DescribeEvents");
pub const DESCRIBE_REPLICATION_GROUPS: Operation = elasticache("DescribeReplicationGroups");
pub const LIST_TAGS_FOR_RESOURCE: Operation = elasticache("ListTagsForResource");
pub const GET_CALLER_IDENTITY: Operation = Operation {
    service: "sts",
    name: "GetCallerIdentity",
};
pub const ASSUME_ROLE: Operation = Operation {
    service: "sts",
    name: "AssumeRole",
};

pub const ADD_TAGS_TO_RESOURCE: Operation = elasticache("AddTagsToResource");
pub const DECREASE_REPLICA_COUNT: Operation = elasticache("DecreaseReplicaCount");
pub const INCREASE_REPLICA_COUNT: Operation = elasticache("IncreaseReplicaCount");
pub const MODIFY_REPLICATION_GROUP: Operation = elasticache("ModifyReplicationGroup");
pub const TEST_FAILOVER: Operation = elasticache("TestFailover");

/// Reading, in every mode.
pub const READ_ACTIONS: &[Operation] = &[
    GET_METRIC_DATA,
    DESCRIBE_CACHE_CLUSTERS,
    DESCRIBE_CACHE_SUBNET_GROUPS,
    DESCRIBE_EVENTS,
    DESCRIBE_REPLICATION_GROUPS,
    LIST_TAGS_FOR_RESOURCE,
    GET_CALLER_IDENTITY,
];

/// Changing what bears the owner's tag.
pub const WRITE_ACTIONS: &[Operation] = &[
    DECREASE_REPLICA_COUNT,
    INCREASE_REPLICA_COUNT,
    MODIFY_REPLICATION_GROUP,
    TEST_FAILOVER,
];

/// Writing the owner's tag, which only `evenkeel claim` does.
pub const CLAIM_ACTIONS: &[Operation] = &[ADD_TAGS_TO_RESOURCE];

/// Taking on the roles of AWSAccounts, beside `sts:TagSession`, which is no call but what a session's tags need.
pub const ASSUME_ACTIONS: &[Operation] = &[ASSUME_ROLE];

const fn elasticache(name: &'static str) -> Operation {
    Operation {
        service: "elasticache",
        name,
    }
}
