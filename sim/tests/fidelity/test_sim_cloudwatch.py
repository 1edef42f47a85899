"""GetMetricData in the three formats that the service model lists, and its limits."""

import datetime
import json

import botocore.loaders
import botocore.session
import pytest
from botocore.exceptions import ClientError
from shapes import START

MINUTE = datetime.timedelta(minutes=1)


def query(name, node, metric="IsMaster", with_node_id=False, **more):
    dimensions = [{"Name": "CacheClusterId", "Value": node}]
    if with_node_id:
        dimensions.append({"Name": "CacheNodeId", "Value": "0001"})
    stat = {
        "Metric": {"Namespace": "AWS/ElastiCache", "MetricName": metric, "Dimensions": dimensions},
        "Period": 60,
        "Stat": "Maximum",
    }
    return {"Id": name, "MetricStat": {**stat, **more}}


def client_speaking(sim, protocol, folder):
    """A client whose model knows one wire format only."""
    model = botocore.loaders.Loader().load_service_model("cloudwatch", "service-2")
    model["metadata"]["protocol"] = protocol
    model["metadata"]["protocols"] = [protocol]
    path = folder / "cloudwatch" / "2010-08-01"
    path.mkdir(parents=True)
    (path / "service-2.json").write_text(json.dumps(model))
    session = botocore.session.Session()
    session.set_config_variable("data_path", str(folder))
    client = sim.client("cloudwatch", session=session)
    assert client.meta.service_model.resolved_protocol == protocol
    return client


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_every_wire_format_gives_the_same_points(sim, tmp_path, protocol):
    client = client_speaking(sim, protocol, tmp_path)
    sim.advance("10m")
    now = START + 10 * MINUTE
    reply = client.get_metric_data(
        MetricDataQueries=[
            query("a", "sessions-0001-001"),
            query("b", "sessions-0001-002", with_node_id=True),
            query("lag", "sessions-0001-002", "ReplicationLag"),
            query("none", "sessions-0001-001", "ReplicationLag"),
        ],
        StartTime=now - 4 * MINUTE,
        EndTime=now,
    )
    minutes = [now - 2 * MINUTE, now - 3 * MINUTE, now - 4 * MINUTE]
    found = {
        result["Id"]: (result["Label"], result["Timestamps"], result["Values"], result["StatusCode"])
        for result in reply["MetricDataResults"]
    }
    assert found == {
        "a": ("sessions-0001-001 IsMaster", minutes, [1.0] * 3, "Complete"),
        "b": ("sessions-0001-002 IsMaster", minutes, [0.0] * 3, "Complete"),
        "lag": ("sessions-0001-002 ReplicationLag", minutes, [0.02] * 3, "Complete"),
        "none": ("sessions-0001-001 ReplicationLag", [], [], "Complete"),
    }
    assert "NextToken" not in reply
    with pytest.raises(client.exceptions.InvalidNextToken):
        client.get_metric_data(
            MetricDataQueries=[query("a", "sessions-0001-001")], StartTime=START, EndTime=now, NextToken="x"
        )


@pytest.fixture
def watch(sim):
    return sim.client("cloudwatch")


def test_a_point_is_published_after_the_delay_and_the_order_can_be_chosen(sim, watch):
    sim.advance("5m")
    sim.advance("29s")

    def stamps(**more):
        reply = watch.get_metric_data(
            MetricDataQueries=[query("a", "carts-001")], StartTime=START, EndTime=START + 10 * MINUTE, **more
        )
        return [round((at - START) / MINUTE) for at in reply["MetricDataResults"][0]["Timestamps"]]

    assert stamps() == [3, 2, 1, 0]
    sim.advance("1s")
    assert stamps(ScanBy="TimestampAscending") == [0, 1, 2, 3, 4]


def test_longer_periods_fold_minutes(sim, watch):
    sim.control("POST", "nodes/carts-002/lag", {"seconds": 1.0})
    sim.advance("5m")
    sim.control("POST", "nodes/carts-002/lag", {"seconds": 3.0})
    sim.advance("10m")

    def value(stat):
        reply = watch.get_metric_data(
            MetricDataQueries=[query("a", "carts-002", "ReplicationLag", Period=600, Stat=stat)],
            StartTime=START,
            EndTime=START + 10 * MINUTE,
        )
        return reply["MetricDataResults"][0]["Values"]

    assert (value("Minimum"), value("Maximum"), value("SampleCount")) == ([1.0], [3.0], [10.0])
    assert value("Average")[0] in (2.0, 2.2)  # the change falls before or after the node's own second
    assert value("Sum")[0] in (20.0, 22.0)


def test_points_are_paged_by_token(sim, watch):
    sim.advance("20m")
    pages = watch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query("a", "carts-001"), query("b", "carts-002")],
        StartTime=START,
        EndTime=START + 10 * MINUTE,
        MaxDatapoints=8,
    )
    counts = [[len(result["Values"]) for result in page["MetricDataResults"]] for page in pages]
    assert counts == [[8, 0], [2, 6], [0, 4]]


@pytest.mark.parametrize(
    ("queries", "text"),
    [
        ([query("A", "carts-001")], "must match"),
        ([query("a", "carts-001"), query("a", "carts-002")], "twice"),
        ([query("a", "carts-001", Period=90)], "multiple of 60"),
        ([query("a", "carts-001", Stat="p99")], "p99"),
        ([query(f"q{n}", "carts-001") for n in range(501)], "501"),
        ([{"Id": "e", "Expression": "a + b"}], "metric math"),
    ],
    ids=["id", "twice", "period", "stat", "five hundred", "expression"],
)
def test_queries_that_aws_or_the_simulator_refuses(watch, queries, text):
    with pytest.raises(ClientError) as caught:
        watch.get_metric_data(MetricDataQueries=queries, StartTime=START, EndTime=START + MINUTE)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert text in caught.value.response["Error"]["Message"]


def test_the_end_must_come_after_the_start(watch):
    with pytest.raises(ClientError) as caught:
        watch.get_metric_data(MetricDataQueries=[query("a", "carts-001")], StartTime=START, EndTime=START)
    assert "StartTime must be less" in caught.value.response["Error"]["Message"]


def test_metrics_bought_are_counted(sim, watch):
    queries = [query(f"q{n}", "carts-001") for n in range(500)]
    watch.get_metric_data(MetricDataQueries=queries, StartTime=START, EndTime=START + MINUTE)
    assert sim.state()["metricsRequested"] == 500
