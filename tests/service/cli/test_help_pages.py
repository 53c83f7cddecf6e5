"""Every help page ends with an example, and every example is a command that there is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from echocast.model.__main__ import app as offline
from echocast.service.cli.main import OFFLINE, app

FILES = ("radar/1.h5", "events/1.nc", "event/1.nc", "event.nc", "plan.json", "mim.pt", "key.txt")
FOLDERS = ("incoming", "archive", "echocast-data/archive", "windows", "run")
ELSEWHERE = {*OFFLINE, "nowcast", "check"}  # their pages are those of the offline commands
NOT_OFFERED = "phases"  # `echocast benchmark` runs it


def leaves(group: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from leaves(command, *words, name)
        else:
            yield (*words, name), command


def pages() -> dict[tuple[str, ...], Any]:
    served = {
        words: command
        for words, command in leaves(typer.main.get_group(app))
        if words[0] not in ELSEWHERE
    }
    of_files = dict(leaves(typer.main.get_group(offline)))
    return served | {words: of_files[words] for words in of_files if words[0] != NOT_OFFERED}


PAGES = pages()


def examples(command: Any) -> list[str]:
    return [line for line in (command.epilog or "").split("\n\n") if line.startswith("echocast ")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


def _globbed(word: str) -> list[str]:
    """A word as a shell gives it to a program."""
    return [str(path) for path in Path().glob(word)] if "*" in word else [word]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_a_help_page_shows_what_can_be_typed(words: tuple[str, ...]) -> None:
    shown = examples(PAGES[words])
    assert shown
    for text in shown:
        typed = shlex.split(text)
        assert tuple(typed[1 : 1 + len(words)]) == words
        arguments = [name for word in typed[1 + len(words) :] for name in _globbed(word)]
        PAGES[words].make_context(text, arguments)  # a wrong word or option is an error


def test_both_spellings_of_help_and_the_exit_status() -> None:
    for option in ("-h", "--help"):
        done = CliRunner().invoke(app, [option])
        assert done.exit_code == 0
        assert "Exit status: 0 done" in done.output
    for words in ("replay -h", "stream pause -h"):
        assert CliRunner().invoke(app, words.split()).exit_code == 0
    done = CliRunner().invoke(offline, ["train", "network", "-h"], prog_name="echocast")
    assert "Usage: echocast train network" in done.output
