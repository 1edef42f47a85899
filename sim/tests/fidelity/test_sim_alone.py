"""The command of the README, as it stands there, with a client that is told nothing but what the program prints."""

import os
import pathlib
import re
import shlex
import subprocess
import time
import urllib.request

import botocore.session
import pytest
from conftest import binary

ROOT = pathlib.Path(__file__).resolve().parents[3]
README = ROOT / "sim" / "README.md"


def command() -> list[str]:
    """The first command of the README; only the port is left to the system, and the program is the one that is built."""
    line = re.search(r"^\$ (cargo run -p evenkeel-sim .*)$", README.read_text(), re.MULTILINE)[1]
    words = shlex.split(line)
    assert words[:7] == "cargo run -p evenkeel-sim -- --port 4599".split(), line
    words[6] = "0"
    return [str(binary()), *words[5:]]


@pytest.fixture
def printed(monkeypatch):
    """What the program prints until it serves; its exports are in the environment, and nothing else of AWS is."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with subprocess.Popen(command(), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline().strip() for _ in range(5)]
        for line in lines:
            if line.startswith("export "):
                for pair in shlex.split(line.removeprefix("export ")):
                    monkeypatch.setenv(*pair.split("=", 1))
        yield lines
        process.terminate()


def test_the_command_of_the_readme_serves_any_client(printed):
    endpoint = printed[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", endpoint)
    shown = [line.replace(endpoint, "http://127.0.0.1:4599") for line in printed]
    assert "\n".join(shown) in README.read_text(), "the README shows what is printed"
    cache = botocore.session.Session().create_client("elasticache")
    group = cache.describe_replication_groups()["ReplicationGroups"][0]
    assert (group["ReplicationGroupId"], len(group["NodeGroups"])) == ("sessions", 2)
    urllib.request.urlopen(
        urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/_sim/zones/ap-northeast-2a/fail", method="POST")
    ).read()
    # A simulated minute, at the README's speed a second.
    deadline = time.monotonic() + 30
    messages = []
    while not any("sessions-0001-002 completed" in message for message in messages):
        assert time.monotonic() < deadline, messages
        time.sleep(0.1)
        messages = [event["Message"] for event in cache.describe_events()["Events"]]
    assert botocore.session.Session().create_client("sts").get_caller_identity()["Account"] == "111122223333"
