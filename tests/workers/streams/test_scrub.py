"""A scrub reads all files, names exactly the damaged ones, and goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.service.cli.main import app
from echocast.workers.archive.archive import Archive
from echocast.workers.engine.client import EngineClient
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.scrub import STATE_FILE, Scrub
from tests.damages import flip, halve
from tests.workers.archive.test_archive import job
from tests.workers.fake_nowcaster import FakeNowcaster, FakePrepared
from tests.workers.storms import storm
from tests.workers.streams.stream_bench import START, STEP, Bench


def write_forecast(path: Path) -> None:
    frames = storm()
    stream = FakeNowcaster().stream(FakePrepared(frames), frames.reflectivity_dbz[-1])
    write_forecast_stream(stream, path)


@pytest.fixture
def root(tmp_path: Path, engine: EngineClient) -> Path:
    """An archive with files of all kinds."""
    engine.redis.flushall()
    bench = Bench(tmp_path / "store", engine)
    for slot in range(3):
        bench.put(slot, seed=slot)
        bench.issue(slot)
    bench.score()
    bench.stores.set_aside("radar", START + 2 * STEP, "It was deadly.")
    archive = Archive(tmp_path / "store", free_space_floor_bytes=0)
    archive.put_frames(storm())
    relative = archive.put_forecast(job(), write_forecast)
    archive.put_verification(job(), {"count": 1})
    whole = archive.root / relative
    whole.with_name("20260701T235500Z_radar-1_4567abcd.nc").write_bytes(whole.read_bytes())
    return archive.root


def scrubbed(root: Path, **options: bool) -> Scrub:
    scrub = Scrub(WorkerSettings(data_dir=root.parent), **options)
    for _ in scrub.run():
        pass
    return scrub


def all_files(root: Path) -> list[Path]:
    """All that a scrub reads."""
    files = (path for path in root.rglob("*") if path.is_file() and path.parent != root)
    return [path for path in files if "scratch" not in path.parts]


def test_a_whole_archive_has_no_damage(root: Path) -> None:
    scrub = scrubbed(root)
    assert scrub.state.damaged == {}
    assert scrub.state.files == len(all_files(root))
    assert not (root.parent / STATE_FILE).exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


PLACES = {
    "inputs/**/*.npy": (cut, flip),
    "forecasts/radar/**/*.nc": (cut, flip),
    "forecasts/radar/**/*.json": (cut,),
    "forecasts/adhoc/**/*_0123abcd_*.nc": (cut, flip),
    "forecasts/adhoc/**/*4567abcd.nc": (halve,),
    "frames/radar/**/*.npz": (cut, flip),
    "counts/radar/**/*.json": (cut, flip),
    "verification/adhoc/**/*.json": (cut,),
    "streams/**/*.json": (cut,),
}


@pytest.mark.parametrize(
    ("place", "damage"), [(place, act) for place, acts in PLACES.items() for act in acts]
)
def test_every_kind_of_damage_is_named(
    root: Path, place: str, damage: Callable[[Path], object]
) -> None:
    path = min(root.glob(place))
    damage(path)
    damaged = scrubbed(root).state.damaged
    named = {str(path.relative_to(root))}
    if path.suffix == ".npy":
        named.add(str(path.with_suffix(".json").relative_to(root)))
    assert damaged.keys() == named
    assert all(damaged.values())


def test_a_forecast_that_is_gone_is_named_by_its_description(root: Path) -> None:
    path = min(root.glob("forecasts/radar/**/*.nc"))
    path.unlink()
    (why,) = scrubbed(root).state.damaged.values()
    assert path.name in why


def test_an_interrupted_scrub_goes_on_where_it_stopped(root: Path) -> None:
    flip(min(root.glob("counts/radar/**/*.json")))
    flip(max(root.glob("frames/radar/**/*.npz")))
    settings = WorkerSettings(data_dir=root.parent)
    whole = scrubbed(root).state
    first = Scrub(settings)
    assert first.count() == whole.files
    reading = first.run()
    early = list(islice(reading, 7))
    reading.close()  # as by Ctrl-C
    assert (root.parent / STATE_FILE).exists()
    second = Scrub(settings)
    assert second.count() == whole.files - 7
    late = list(second.run())
    assert not set(early) & set(late)
    assert len(early + late) == whole.files
    assert second.state.damaged == whole.damaged
    assert len(whole.damaged) == 2
    assert not (root.parent / STATE_FILE).exists()


def test_a_scrub_begins_anew_on_request_and_where_its_state_is_damaged(root: Path) -> None:
    settings = WorkerSettings(data_dir=root.parent)
    reading = Scrub(settings).run()
    list(islice(reading, 3))
    reading.close()
    everything = Scrub(settings, restart=True).count()
    assert Scrub(settings).count() == everything - 3
    (root.parent / STATE_FILE).write_text("{")
    assert Scrub(settings).count() == everything


def test_the_command_ends_with_1_where_something_is_damaged(root: Path) -> None:
    command = ["verify-archive", "--data", str(root.parent)]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 0, ended.output
    assert "0 are damaged" in ended.output
    path = min(root.glob("frames/radar/**/*.npz"))
    cut(path)
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 1
    assert str(path.relative_to(root)) in ended.output
    report = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert list(report["damaged"]) == [str(path.relative_to(root))]
