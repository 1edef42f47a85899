"""How long the steps of the check take: measured, noted in the target folder, read again by hack/test-time."""

import json
import os
import pathlib
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
NOTES = TARGET / "check-times.jsonl"
# Whoever waits for commands with a limit sets it to end them all: they have groups of their own, so that a terminal's Ctrl-C
# doesn't reach them.
STOPPED = threading.Event()


def measured(command, limit=None, **options):
    """Runs a command; its exit code as a shell has it, seconds on the wall, and seconds of CPU that it and all that it
    waited for took. After `limit` seconds it is killed, with what it started."""
    started = time.monotonic()
    # A group of its own, to be killed as one; not a session, whose leader a pseudo-terminal of its tests would hang up on.
    process = subprocess.Popen(command, process_group=None if limit is None else 0, **options)
    while True:
        pid, status, used = os.wait4(process.pid, 0 if limit is None else os.WNOHANG)
        if pid:
            break
        if STOPPED.is_set() or time.monotonic() - started > limit:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.02)
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    return code if code >= 0 else 128 - code, time.monotonic() - started, used.ru_utime + used.ru_stime


def note(**what):
    NOTES.parent.mkdir(parents=True, exist_ok=True)
    with open(NOTES, "a") as notes:
        notes.write(json.dumps({"at": time.time(), "kept": "CHECK_DEPENDENCIES" in os.environ, **what}) + "\n")


def noted(since=0):
    """What was noted since then, each step and each binary once: the last time."""
    if not NOTES.is_file():
        return []
    lines = [json.loads(line) for line in NOTES.read_text().splitlines()]
    latest = {(line.get("step"), line.get("binary")): line for line in lines if line["at"] >= since}
    return list(latest.values())


class Document:
    """docs/development/test-time.md, as far as others ask for it."""

    PATH = pathlib.Path(os.environ.get("TEST_TIME_DOCUMENT", ROOT / "docs/development/test-time.md"))

    def __init__(self, text):
        self.text = text
        self.steps = self.table("| step |")
        self.binaries = self.table("| tests |")

    def table(self, heading):
        """First column → seconds on the wall, of the table whose heading begins so."""
        _, _, rest = self.text.partition(heading)
        rows = [line.split("|")[1:-1] for line in rest.split("\n\n")[0].splitlines()[2:]]
        return {name.strip(): float(wall) for name, wall, *_ in rows}


def documented():
    return Document(Document.PATH.read_text() if Document.PATH.is_file() else "")
