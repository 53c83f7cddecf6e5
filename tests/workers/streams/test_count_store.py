"""One object with counts a frame: several writers lose nothing, and older archives are read on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from echocast.model.formats.stream_layout import frame_path, stamp
from echocast.service.cli.main import app
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.streams.count_store import CountStore
from echocast.workers.streams.paths import TimeSpan, encoded
from echocast.workers.streams.reindex import Reindexed, differing, reindex, stored
from tests.workers.streams.stream_bench import ALL, START, STEP, Bench

SHA = "f" * 16
HOUR = TimeSpan(START, START + STEP)


def store(root: Path) -> CountStore:
    return CountStore(LocalFiles(root, free_space_floor_bytes=0))


def counts(forecast: str) -> dict[str, dict[str, list[int]]]:
    return {forecast: {"5|model|30": [len(forecast), 2, 3, 4]}}


def put(where: CountStore, forecast: str) -> None:
    where.put("radar", START, SHA, counts(forecast))


def present(root: Path) -> set[str]:
    """The forecasts whose counts a process that starts now finds."""
    reader = store(root)
    (frame,) = reader.frames("radar", HOUR)
    assert {key.forecast_id for key in reader.keys(frame)} == reader.counts(frame).keys()
    return set(reader.counts(frame))


def paths(root: Path) -> list[Path]:
    return sorted(path for path in (root / "counts").rglob("*") if path.is_file())


def test_counts_of_a_frame_are_one_object_whoever_adds_to_them(tmp_path: Path) -> None:
    for forecast in ("a", "b", "a", "c"):
        put(store(tmp_path), forecast)
        assert len(paths(tmp_path)) == 1
    assert present(tmp_path) == {"a", "b", "c"}
    before = paths(tmp_path)
    put(store(tmp_path), "b")
    assert paths(tmp_path) == before


@pytest.mark.parametrize("step", range(5))
def test_who_is_overtaken_while_it_writes_loses_nothing(tmp_path: Path, step: int) -> None:
    """Before each of the operations of a writer, another one adds and a third one merges."""
    put(store(tmp_path), "first")
    slow = store(tmp_path)
    left = step

    def overtaken(operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                put(store(tmp_path), "quick")
                store(tmp_path).merge("radar", HOUR)
            return operation(*arguments)

        return call

    for name in ("listing", "get", "put", "delete"):
        setattr(slow._files, name, overtaken(getattr(slow._files, name)))
    put(slow, "slow")
    assert left < 0
    assert present(tmp_path) == {"first", "quick", "slow"}
    store(tmp_path).merge("radar", HOUR)
    assert len(paths(tmp_path)) == 1
    assert present(tmp_path) == {"first", "quick", "slow"}


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    start = Barrier(6)

    def write(writer: int) -> None:
        mine = store(tmp_path)
        start.wait()
        for number in range(5):
            put(mine, f"{writer}-{number}")

    threads = [Thread(target=write, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store(tmp_path).merge("radar", HOUR)
    assert present(tmp_path) == {f"{writer}-{number}" for writer in range(6) for number in range(5)}
    assert len(paths(tmp_path)) == 1


def test_a_damaged_object_is_counted_anew(bench: Bench) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    bench.score()
    ((counted,),) = (frame.objects for frame in bench.stores.counts.frames("radar", ALL))
    bench.stores.files.put(counted.entry.path, b'{"observed": ')
    assert bench.score() == 2
    assert bench.agrees()


def with_ids_in_the_name(path: Path, content: bytes) -> None:
    """As before 2.1.0: the digest in the name is that of the forecasts, not of the counts."""
    ids = "\n".join(sorted(json.loads(path.read_bytes()))).encode()
    digest = hashlib.sha256(ids).hexdigest()[:16]
    path.unlink()
    path.with_name(f"{path.name.split('.')[0]}.{digest}.json").write_bytes(content)


def one_more(content: bytes) -> bytes:
    at = content.index(b": [") + 3
    return content[:at] + (b"8" if content[at : at + 1] != b"8" else b"7") + content[at + 1 :]


COUNTS_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "lead reads NaN": lambda content: content.replace(b'"5|', b'"NaN|', 1),
    "number is NaN": lambda content: content.replace(b": [", b": [NaN, ", 1),
    "number is a fraction": lambda content: content.replace(b": [", b": [0.5, ", 1),
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "no JSON": lambda content: b"rain",
    "no object": lambda content: b"[1, 2]",
    "a number": lambda content: b"1",
    "no counts": lambda content: b'{"a": 1}',
    "another count": one_more,
}


# The names of older objects say nothing about their counts.
NOTICED = [(d, older) for d in COUNTS_DAMAGES for older in (False, True)]
NOTICED.remove(("another count", True))


@pytest.mark.parametrize(("damage", "older"), NOTICED)
def test_reindex_names_damaged_counts_and_counts_them_again(
    bench: Bench, tmp_path: Path, damage: str, older: bool
) -> None:
    for slot in range(3):
        bench.put(slot, seed=slot)
        bench.issue(slot)
    bench.score()
    assert bench.agrees()
    before = bench.sums.over("radar", ALL)
    path = paths(tmp_path)[1]
    content = COUNTS_DAMAGES[damage](path.read_bytes())
    if older:
        with_ids_in_the_name(path, content)
    else:
        path.write_bytes(content)
    again = Bench(tmp_path, bench.sums.engine)  # a process that starts now
    outcome = reindex(again.stores, again.scorer, again.sums, "radar")
    assert [Path(name).name.split(".")[0] for name in outcome.damaged] == [path.name.split(".")[0]]
    assert outcome.damaged[0] in str(outcome)
    assert outcome.counted
    assert again.agrees()
    assert again.sums.over("radar", ALL) == before
    clean = Bench(tmp_path, bench.sums.engine)
    assert reindex(clean.stores, clean.scorer, clean.sums, "radar").damaged == ()


def test_damaged_counts_whose_frame_is_gone_are_left_out(bench: Bench, tmp_path: Path) -> None:
    for slot in range(3):
        bench.put(slot, seed=slot)
        bench.issue(slot)
    bench.score()
    path = paths(tmp_path)[1]
    bench.stores.files.delete(frame_path("radar", START + STEP))
    path.write_bytes(COUNTS_DAMAGES["lead reads NaN"](path.read_bytes()))
    again = Bench(tmp_path, bench.sums.engine)
    outcome = reindex(again.stores, again.scorer, again.sums, "radar")
    assert outcome.damaged == (str(path.relative_to(tmp_path)),)
    sums = again.sums.over("radar", ALL)
    assert sums
    assert all(math.isfinite(float(name.partition("|")[0])) for name in sums)


def test_the_command_ends_with_1_and_names_what_is_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = "counts/radar/2026/07/01/20260701T233500Z_f.d.json"
    for damaged, code in (((path,), 1), ((), 0)):
        result = {"radar": Reindexed(3, 3, 9, 0, damaged=damaged)}
        monkeypatch.setattr(
            "echocast.workers.streams.reindex.reindex_all", lambda *_, result=result, **__: result
        )
        for arguments in (["reindex"], ["reindex", "--json"]):
            ended = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path)])
            assert ended.exit_code == code
            assert (path in ended.output) == bool(damaged)


def write_as_before(bench: Bench) -> None:
    """Rewrite all counts as earlier versions did: one object for each forecast and frame."""
    for frame in bench.stores.counts.frames("radar", ALL):
        for forecast, one in bench.stores.counts.counts(frame).items():
            name = f"{stamp(frame.valid_time)}_{forecast}_{frame.frame_sha}.json"
            path = f"verification/radar/{frame.valid_time:%Y-%m-%d}/{name}"
            bench.stores.files.put(path, encoded(one))
        bench.stores.counts.drop("radar", frame)


def test_an_older_archive_is_read_on_and_reindex_rewrites_it(bench: Bench, tmp_path: Path) -> None:
    for slot in range(8):  # beyond the hour, and the day
        bench.put(slot, seed=slot)
        bench.issue(slot)
        bench.score()
    write_as_before(bench)
    assert paths(tmp_path) == []
    assert bench.score() == 0
    assert bench.agrees()
    late = bench.issue(-1, leads=9)  # both forms at the same frames
    bench.put(8, seed=8)
    bench.put(3, seed=33)
    bench.score()
    assert bench.agrees()
    before = bench.sums.over("radar", ALL)
    assert before["45|forecasts|model"] == [1]
    for _ in range(2):
        outcome = reindex(bench.stores, bench.scorer, bench.sums, "radar")
        assert (outcome.frames, outcome.forecasts, outcome.counted) == (9, 9, 0)
        assert bench.sums.over("radar", ALL) == stored(bench.stores, bench.scorer, "radar")
        assert bench.sums.over("radar", ALL) == before
        assert not list((tmp_path / "verification" / "radar").iterdir())
        assert len(paths(tmp_path)) == 9
    assert differing(bench.stores, bench.scorer, "radar") == 0
    assert any(late.id in path.read_text() for path in paths(tmp_path))
