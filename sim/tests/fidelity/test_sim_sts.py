"""STS, and whose account a key is."""

import pytest
from botocore.exceptions import ClientError


def test_a_key_belongs_to_its_account(sim):
    assert sim.client("sts").get_caller_identity()["Account"] == "111122223333"
    other = sim.client("sts", key="AKIAOTHERTEAM0000000").get_caller_identity()
    assert other["Account"] == "444455556666"
    assert other["Arn"].startswith("arn:aws:iam::444455556666:user/")


def test_an_assumed_role_lives_in_its_account_and_its_token_is_needed(sim):
    reply = sim.client("sts").assume_role(RoleArn="arn:aws:iam::444455556666:role/x", RoleSessionName="shop")
    keys = reply["Credentials"]
    assert reply["AssumedRoleUser"]["Arn"] == "arn:aws:sts::444455556666:assumed-role/x/shop"
    assumed = sim.client("sts", key=keys["AccessKeyId"], token=keys["SessionToken"])
    assert assumed.get_caller_identity()["Arn"] == "arn:aws:sts::444455556666:assumed-role/x/shop"
    with pytest.raises(ClientError) as caught:
        sim.client("sts", key=keys["AccessKeyId"], token="stolen").get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"
    sim.control("POST", "credentials/expire")
    with pytest.raises(ClientError) as caught:
        assumed.get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "ExpiredToken"


def test_an_unknown_role_is_refused_only_where_roles_are_listed(sim):
    sim.reset("roles: {'arn:aws:iam::444455556666:role/known': {}}\n")
    sts = sim.client("sts")
    sts.assume_role(RoleArn="arn:aws:iam::444455556666:role/known", RoleSessionName="shop")
    with pytest.raises(ClientError) as caught:
        sts.assume_role(RoleArn="arn:aws:iam::444455556666:role/unknown", RoleSessionName="shop")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_session_tags_show_in_the_call_log_and_a_trust_policy_may_demand_or_refuse_them(sim):
    role = "arn:aws:iam::444455556666:role/"
    sim.reset(f"roles: {{'{role}untagged': {{tagSession: false}}, '{role}tagged': {{requiredTags: [evenkeel.dev/stack]}}}}\n")
    sts = sim.client("sts")

    def assume(name, *tags):
        tags = [{"Key": key, "Value": value} for key, value in tags]
        return sts.assume_role(RoleArn=role + name, RoleSessionName="shop.web@prod", Tags=tags)

    def refusal(name, *tags):
        with pytest.raises(ClientError) as caught:
            assume(name, *tags)
        return caught.value.response["Error"]

    keys = assume("tagged", ("evenkeel.dev/namespace", "shop"), ("evenkeel.dev/stack", "web"))["Credentials"]
    sim.client("elasticache", key=keys["AccessKeyId"], token=keys["SessionToken"]).describe_events()
    call = sim.control("GET", "calls?since=0")[-1]
    assert call["operation"] == "DescribeEvents"
    assert call["principal"] == "arn:aws:sts::444455556666:assumed-role/tagged/shop.web@prod"
    assert call["sessionTags"] == {"evenkeel.dev/namespace": "shop", "evenkeel.dev/stack": "web"}

    assume("untagged")
    assert "sts:TagSession" in refusal("untagged", ("a", "b"))["Message"]
    assert refusal("tagged")["Code"] == "AccessDenied"
    assert refusal("tagged", ("aws:a", "b"))["Code"] == "ValidationError"
    assert refusal("tagged", ("a", "b"), ("A", "c"))["Code"] == "ValidationError"
    assert refusal("tagged", ("a", "semi;colon"))["Code"] == "ValidationError"
