"""Argo CD's health check of a HAStack (deploy/argocd), run as Argo CD runs it, over HAStacks recorded from a real API
server: `recorded/NAME.yaml`, each with the health that it must have.

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


def load(name):
    return yaml.safe_load((RECORDED / f"{name}.yaml").read_text())


def to_lua(runtime, value):
    if isinstance(value, dict):
        return runtime.table_from({key: to_lua(runtime, inner) for key, inner in value.items()})
    if isinstance(value, list):
        return runtime.table_from([to_lua(runtime, inner) for inner in value])
    return value


def health(stack):
    patch = yaml.safe_load((ROOT / "deploy" / "argocd" / "argocd-cm.yaml").read_text())
    script = patch["data"]["resource.customizations.health.evenkeel.dev_HAStack"]
    # Argo CD opens no libraries that reach outside.
    runtime = LuaRuntime(register_eval=False, register_builtins=False)
    runtime.execute("io, os, package, require, dofile, loadfile = nil")
    runtime.globals().obj = to_lua(runtime, stack)
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


def test_every_recording_is_judged():
    assert sorted(EXPECTED) == sorted(path.stem for path in RECORDED.glob("*.yaml"))


def test_recordings_speak_of_conditions_and_reasons_that_exist():
    crd = yaml.safe_load((ROOT / "crds" / "hastacks.evenkeel.dev.yaml").read_text())
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    condition = status["properties"]["conditions"]["items"]["properties"]
    for name in EXPECTED:
        for found in load(name).get("status", {}).get("conditions", []):
            assert found["type"] in condition["type"]["enum"], name
            assert found["reason"] in condition["reason"]["enum"], name
