"""Documents can be read in any window, and what they link to and name is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COLUMNS = 120
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
NAMED = re.compile(
    r"`((?:model|workers|service|deploy|tests|benchmarks|experiments|docs)/[\w./-]*)`"
)
FAULT = re.compile(r"^\* \*\*(F\d+)\*\*: ", re.MULTILINE)
HISTORY = ("CHANGELOG.md", "experiments/", "docs/decisions/", "model/weights/")  # of other times


def documents() -> list[str]:
    """Paths of all Markdown files that belong to the repository, or will."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    try:
        done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive has no git
        return [str(path.relative_to(ROOT)) for path in ROOT.glob("*.md")]
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


@pytest.mark.parametrize("name", documents())
def test_lines_of_a_document_are_short(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    wide = {number: len(line) for number, line in enumerate(lines, 1) if len(line) > COLUMNS}
    assert not wide, f"{name} has lines of more than {COLUMNS} columns"


@pytest.mark.parametrize("name", documents())
def test_links_of_a_document_lead_somewhere(name: str) -> None:
    path = ROOT / name
    missing = [at for at in LINK.findall(path.read_text()) if not (path.parent / at).exists()]
    assert not missing


@pytest.mark.parametrize("name", [name for name in documents() if not name.startswith(HISTORY)])
def test_files_that_a_document_names_exist(name: str) -> None:
    named = NAMED.findall((ROOT / name).read_text())
    assert not [path for path in named if not (ROOT / path).exists()]


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = set(LINK.findall((folder / "README.md").read_text()))
    assert index == {path.name for path in folder.glob("2*.md")}


def test_every_fault_that_was_found_has_a_test() -> None:
    _, *parts = FAULT.split((ROOT / "docs" / "faults.md").read_text())
    faults = dict(zip(parts[::2], parts[1::2], strict=True))
    assert list(faults) == [f"F{number}" for number in range(1, 24)]
    for fault, text in faults.items():
        source, tests = "", []
        for named in re.findall(r"`([\w./]+)`", text):
            if named.startswith("tests/"):
                source = (ROOT / named).read_text()
            else:
                tests.append(named)
                assert f"def {named}(" in source, f"{fault}: {named} is not in the file before it"
        assert tests, f"{fault} has no test"
