"""Keys come, go and expire while a gateway runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echocast.service.auth.key_file import revoke_keys, store_key
from echocast.service.auth.key_ring import LOOK_EVERY_SECONDS, KeyRing
from echocast.service.auth.keys import Key, new_key
from echocast.service.errors import MissingKey
from tests.service.bodies import is_problem
from tests.service.real_processes import engine, eventually, gateway, place, pretend_worker


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_(self) -> None:
        self.now += LOOK_EVERY_SECONDS


def test_a_key_of_a_file_comes_and_goes(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys", Clock()
    (one, line), (other, other_line) = new_key("read", "one"), new_key("read", "other")
    store_key(file, line)
    ring = KeyRing((), file, clock)
    assert ring.check(one, "read")
    store_key(file, other_line)
    clock.pass_()
    assert ring.check(other, "read")
    revoke_keys(file, "one")
    clock.pass_()
    with pytest.raises(MissingKey, match="none of this service's"):
        ring.check(one, "read")


def test_a_ring_whose_keys_are_all_revoked_is_not_open(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys", Clock()
    secret, line = new_key("read", "one")
    store_key(file, line)
    ring = KeyRing((), file, clock)
    revoke_keys(file, "one")
    clock.pass_()
    for offered in (secret, None):
        with pytest.raises(MissingKey):
            ring.check(offered, "read")
    assert ring


def test_an_open_ring_closes_with_its_first_key(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys", Clock()
    file.write_text("# none yet\n")
    ring = KeyRing((), file, clock)
    assert ring.check(None, "admin") is None
    secret, line = new_key("read", "one")
    store_key(file, line)
    clock.pass_()
    assert ring.check(secret, "read")
    with pytest.raises(MissingKey, match="none was sent"):
        ring.check(None, "read")


@pytest.mark.parametrize("damage", ["nonsense\n", None])
def test_a_file_that_cannot_be_read_changes_nothing(
    tmp_path: Path, damage: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file, clock = tmp_path / "keys", Clock()
    secret, line = new_key("read", "one")
    store_key(file, line)
    ring = KeyRing((), file, clock)
    file.unlink() if damage is None else file.write_text(damage)
    clock.pass_()
    assert ring.check(secret, "read")
    assert "The keys stay as they were" in caplog.text
    store_key(file if damage is None else _without(file), new_key("read", "other")[1])
    clock.pass_()
    with pytest.raises(MissingKey):
        ring.check(secret, "read")


def _without(file: Path) -> Path:
    file.unlink()
    return file


def test_a_key_opens_nothing_from_its_end_on() -> None:
    past, future = (
        new_key("read", f"me expires={end}") for end in ("2020-01-31", "2999-12-31T12:00+07:00")
    )
    ring = KeyRing([Key.parse(past[1]), Key.parse(future[1])])
    assert ring.check(future[0], "read")
    with pytest.raises(MissingKey, match="expired at 2020-01-31 00:00Z"):
        ring.check(past[0], "read")


def test_a_running_gateway_follows_its_file(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    (one, line), (other, other_line) = new_key("read", "one"), new_key("read", "other")
    store_key(file, line)
    with place(models) as where, engine(where):
        pretend_worker(where)
        with gateway(where, keys_file=str(file)) as gate:

            def status(secret: str) -> int:
                return gate.client.get("/models", headers={"X-API-Key": secret}).status_code

            assert (status(one), status(other)) == (200, 401)
            store_key(file, other_line)
            eventually(lambda: status(other) == 200)
            revoke_keys(file, "one")
            eventually(lambda: status(one) == 401)
            os.truncate(file, 0)
            eventually(lambda: status(other) == 401)
            is_problem(gate.client.get("/models"), 401, "missing-key")
