"""Argo CD's health checks of HAStacks and AWSAccounts (deploy/argocd), run as Argo CD runs them, over objects recorded
from a real API server: `recorded/NAME.yaml` and `accounts/NAME.yaml`, each with the health that it must have.

Argo CD's own interpreter is GopherLua, which is Lua 5.1; so is this one.
"""

import pathlib

import pytest
import yaml
from lupa.lua51 import LuaRuntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDED = pathlib.Path(__file__).parent / "recorded"

# Name of the recording → health, and what its message holds.
EXPECTED = {
    "new": ("Progressing", "has not judged this generation yet"),
    "changed": ("Progressing", "has not judged this generation yet"),
    "balanced": ("Healthy", "Accepted, observed and judged."),
    "zone-lost": ("Healthy", "ap-northeast-2c: sessions: Shard 0002 has no healthy copy outside ap-northeast-2c"),
    "step-in-flight": ("Healthy", "Primaries of replication group sessions are uneven"),
    "unreadable": ("Degraded", "AWS refuses to describe replication group unread"),
    "invalid": ("Degraded", "Mars/Olympus"),
    "younger": ("Degraded", "nextgen-commerce"),
}

ACCOUNTS = pathlib.Path(__file__).parent / "accounts"

# The same of AWSAccounts.
EXPECTED_OF_ACCOUNTS = {
    "new": ("Progressing", "has not tried this generation yet"),
    "changed": ("Progressing", "has not tried this generation yet"),
    "not-reached": ("Progressing", "AWS"),
    "usable": ("Healthy", "The role is assumed."),
    "for-nobody": ("Healthy", "names no namespace"),
    "no-external-id": ("Degraded", "set spec.externalId"),
    "refused": ("Degraded", "not authorized"),
    "permission-missing": ("Degraded", "elasticache:DescribeEvents"),
}


def load(name, folder=RECORDED):
    return yaml.safe_load((folder / f"{name}.yaml").read_text())


def to_lua(runtime, value):
    if isinstance(value, dict):
        return runtime.table_from({key: to_lua(runtime, inner) for key, inner in value.items()})
    if isinstance(value, list):
        return runtime.table_from([to_lua(runtime, inner) for inner in value])
    return value


def health(obj):
    patch = yaml.safe_load((ROOT / "deploy" / "argocd" / "argocd-cm.yaml").read_text())
    script = patch["data"][f"resource.customizations.health.evenkeel.dev_{obj['kind']}"]
    # Argo CD opens no libraries that reach outside.
    runtime = LuaRuntime(register_eval=False, register_builtins=False)
    runtime.execute("io, os, package, require, dofile, loadfile = nil")
    runtime.globals().obj = to_lua(runtime, obj)
    answer = runtime.execute(script)
    return answer["status"], answer["message"]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_stack_has_this_health(name):
    status, message = EXPECTED[name]
    found = health(load(name))
    assert found[0] == status, found
    assert message in found[1], found


def test_a_stack_of_which_nothing_is_known_yet_is_waited_for():
    stack = load("balanced")
    ready = stack["status"]["conditions"][0]
    ready.update(type="Ready", status="Unknown", reason="Pending", message="Nothing has been read yet.")
    assert health(stack) == ("Progressing", "Nothing has been read yet.")


@pytest.mark.parametrize("name", EXPECTED_OF_ACCOUNTS)
def test_a_recorded_account_has_this_health(name):
    status, message = EXPECTED_OF_ACCOUNTS[name]
    found = health(load(name, ACCOUNTS))
    assert found[0] == status, found
    assert message in found[1], found


def test_every_recording_is_judged():
    assert sorted(EXPECTED) == sorted(path.stem for path in RECORDED.glob("*.yaml"))
    assert sorted(EXPECTED_OF_ACCOUNTS) == sorted(path.stem for path in ACCOUNTS.glob("*.yaml"))


@pytest.mark.parametrize(
    "plural, folder, names", [("hastacks", RECORDED, EXPECTED), ("awsaccounts", ACCOUNTS, EXPECTED_OF_ACCOUNTS)]
)
def test_recordings_speak_of_conditions_and_reasons_that_exist(plural, folder, names):
    crd = yaml.safe_load((ROOT / "crds" / f"{plural}.evenkeel.dev.yaml").read_text())
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    condition = status["properties"]["conditions"]["items"]["properties"]
    for name in names:
        for found in load(name, folder).get("status", {}).get("conditions", []):
            assert found["type"] in condition["type"]["enum"], name
            assert found["reason"] in condition["reason"]["enum"], name
