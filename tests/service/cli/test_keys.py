"""``echocast key``: keys of a file are made, listed and revoked."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from echocast.service.auth.key_ring import KeyRing, read_keys
from echocast.service.cli.main import app
from echocast.service.errors import StartRefused

FILE = "ECHOCAST_KEYS_FILE"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECHOCAST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(FILE, str(tmp_path / "keys"))
    return tmp_path / "keys"


def key(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["key", *arguments])


def test_a_key_is_printed_and_stored_for_its_user_only(file: Path) -> None:
    answer = key("submit", "radar room", "--expires", "2999-01-01")
    assert answer.exit_code == 0, answer.output
    secret, line = answer.stdout.splitlines()
    assert KeyRing(read_keys(file)).check(secret, "submit")
    assert file.read_text() == f"{line}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_file_a_key_is_printed_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE)
    assert len(key("read", "me").stdout.splitlines()) == 2
    assert not file.exists()
    assert isinstance(key("list").exception, StartRefused)


def test_keys_are_listed_without_secrets(file: Path) -> None:
    secret = key("read", "me jobs=own streams=b,a").stdout.splitlines()[0]
    key("admin", "root", "--expires", "2020-01-01")
    listed = key("list").stdout
    assert secret not in listed
    (me, root) = json.loads(key("list", "--json").stdout)
    assert me == {
        "sha256": me["sha256"],
        "scope": "read",
        "name": "me",
        "jobs": "own",
        "streams": "a,b",
    }
    assert root["expired"] is True
    assert [line.split("  ")[0] for line in listed.splitlines()] == [
        me["sha256"][:8],
        root["sha256"][:8],
    ]


def test_a_key_is_revoked_by_name_or_by_hash_and_comments_stay(file: Path) -> None:
    file.write_text("# ours\n")
    file.chmod(0o640)
    for name in ("one", "two", "two"):
        key("read", name)
    last = read_keys(file)[-1]
    assert key("revoke", last.sha256[:8]).stdout == f"Revoked: {last.sha256[:8]} read two\n"
    assert [each.name for each in read_keys(file)] == ["one", "two"]
    assert key("revoke", "one").exit_code == 0
    assert [each.name for each in read_keys(file)] == ["two"]
    assert file.read_text().startswith("# ours\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert isinstance(key("revoke", "one").exception, StartRefused)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
def test_a_file_that_root_changes_stays_its_owners(file: Path) -> None:
    key("read", "one")
    os.chown(file, 12345, 12346)
    key("read", "two")
    key("revoke", "one")
    assert [each.name for each in read_keys(file)] == ["two"]
    after = file.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (12345, 12346, 0o600)


def test_a_file_of_another_user_is_not_replaced_by_ones_own(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key("read", "one")
    before = file.read_text()

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    refused = key("read", "two")
    assert isinstance(refused.exception, StartRefused)
    assert f"{file} belongs to user {file.stat().st_uid}" in str(refused.exception)
    assert file.read_text() == before
    assert list(file.parent.glob(".keys.*")) == []


@pytest.mark.parametrize("name", ["a;b", "a#b", "a\nb"])
def test_a_name_that_cannot_be_stored_is_refused(file: Path, name: str) -> None:
    assert isinstance(key("read", name).exception, StartRefused)
    assert not file.exists()


def test_a_damaged_file_is_not_written_over(file: Path) -> None:
    file.write_text("nonsense\n")
    assert isinstance(key("read", "me").exception, StartRefused)
    assert file.read_text() == "nonsense\n"


def test_the_audit_log_names_who_made_and_revoked_a_key(file: Path) -> None:
    secret = key("read", "me").stdout.splitlines()[0]
    key("revoke", "me")
    text = (file.parent / "data" / "audit" / "audit.jsonl").read_text()
    made, revoked = map(json.loads, text.splitlines())
    assert (made["what"], revoked["what"]) == ("make-key", "revoke-key")
    assert made["name"] == revoked["name"] == "me"
    assert made["who"]
    assert made["where"]
    assert secret not in text


def test_help_says_how_a_key_is_sent() -> None:
    text = key("--help").output
    for way in ("Authorization: Bearer", "X-API-Key", "ECHOCAST_KEY", "--key-file"):
        assert way in text
