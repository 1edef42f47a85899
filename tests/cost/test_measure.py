"""The table of docs/cost.md is what `hack/measure-cost` prints: its first rows are measured again, as far as their first
two hours go. (The rows of larger fleets and of whole days take minutes to hours.)"""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows(text: str, columns: int) -> dict[str, list[str]]:
    """The rows of the table of fleets, by their size; so many of their columns."""
    _, table = text.split("| replication groups | nodes | calls, first hour |", 1)
    lines = re.findall(r"^\| ([\d,]+ \|.*) \|$", table.split("\n\n")[0], re.M)
    cells = [line.split(" | ") for line in lines]
    return {row[0]: row[1:columns] for row in cells}


@pytest.mark.parametrize("size", ["1", "10"])
def test_a_fleet_asks_for_what_the_document_says(size):
    run = subprocess.run(
        [ROOT / "hack/measure-cost", "--quiet-hours", "1", size], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    documented = rows((ROOT / "docs/cost.md").read_text(), 5)
    assert rows(run.stdout, 5) == {size: documented[size]}
