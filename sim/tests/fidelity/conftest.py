"""A running simulator with a stepped clock, and botocore clients that check every reply against the service model."""

import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

import botocore.session
import pytest
from botocore.config import Config
from shapes import check_reply

ROOT = pathlib.Path(__file__).resolve().parents[3]
KEY = "AKIASIMULATOR0000000"
REGION = "ap-northeast-2"

WORLD = """
region: ap-northeast-2
account: "111122223333"
accounts: {AKIAOTHERTEAM0000000: "444455556666"}
zones: {ap-northeast-2a: apne2-az1, ap-northeast-2b: apne2-az2, ap-northeast-2c: apne2-az3}
subnetGroups: [{name: shop-cache, zones: [a, b, c]}]
replicationGroups:
  - {id: sessions, shards: ["a:P c:r", "c:P a:r"], tags: {evenkeel.dev/owner: demo}}
  - {id: carts, clusterMode: disabled, shards: ["a:P c:r"]}
  - {id: mixed, clusterMode: compatible, shards: ["a:P c:r"], transitEncryption: true}
"""


def binary() -> pathlib.Path:
    built = subprocess.run([ROOT / "hack/programs"], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(built.stdout.strip()) / "evenkeel-sim"


class Simulator:
    """One process; every test resets its world."""

    def __init__(self, url: str):
        self.url = url

    def control(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sim/{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()}") from error

    def advance(self, span: str):
        return self.control("POST", "clock/advance", {"by": span})

    def reset(self, world: str = WORLD):
        self.control("POST", "reset", {"world": world})

    def state(self):
        return self.control("GET", "state")

    def client(self, service, key=KEY, region=REGION, token=None, session=None):
        """A client without retries whose every reply must fit the model to the letter."""
        session = session or botocore.session.Session()
        client = session.create_client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key="secret",
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-parse", check_reply)
        return client


@pytest.fixture(scope="session")
def process():
    # No world file: each test sets its own.
    command = [binary(), "--port", "0", "--stepped", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield Simulator(process.stdout.readline().strip())
        process.terminate()


@pytest.fixture
def sim(process):
    process.reset()
    return process


@pytest.fixture
def cache(sim):
    return sim.client("elasticache")
