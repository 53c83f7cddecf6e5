"""Live scores promote and roll back where that is configured, and only on the same forecasts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.model.registry.registry import Registry
from echocast.model.verification.live_comparison import ComparisonFloor
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.shadow import Candidate, Shadow, ShadowPolicy, candidate_of
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Origin, Stream
from tests.workers.streams.stream_bench import GRID, START, STEP, stream_frame

ME = {"who": "me", "why": "To see it."}
POLICY = ShadowPolicy(promotes=True, rolls_back=True, terms=ComparisonFloor(6, 1000))
NOW = datetime.now(UTC)
GOOD, BAD = (80, 10, 10, 900), (40, 30, 30, 900)
BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FRAME = "f" * 16


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made") / "tiny" / "1"
    torch.manual_seed(1)
    checkpoint.save(Network(replace(RADAR_SMALL, hidden_channels=4, layers=2)), directory, {})
    return directory


@pytest.fixture
def registry(tiny: Path, tmp_path: Path) -> Registry:
    root = tmp_path / "models"
    for version in "123":
        shutil.copytree(tiny, root / "tiny" / version)
    (root / "aliases.json").write_text('{"champion": "tiny/1", "challenger": "tiny/2"}')
    return Registry(root)


class Past:
    """What a stream issued, with the counts as a scorer left them."""

    def __init__(self, root: Path) -> None:
        self.stores = StreamStores.of(LocalFiles(root, free_space_floor_bytes=0))
        stream, _ = self.stores.streams.declare(Stream("radar", 5))
        self.stores.streams.set_origin(stream, Origin(GRID, 0.0))

    def newest_frame(self, time: datetime) -> None:
        frame = stream_frame(round((time - START) / STEP), seed=1)
        self.stores.frames.put("radar", frame, replace=True)

    def issued(self, time: datetime, role: str, version: str, counts: tuple[int, ...]) -> None:
        valid = time + HOUR
        made = IssuedForecast(
            id=f"{role}-{version}-{time:%d%H%M}",
            stream="radar",
            forecast_reference_time=time,
            valid_times=(valid,),
            model_name="tiny",
            model_version=version,
            roles=(role,),
            quality={},
            issued=time,
        )
        self.stores.forecasts.issue(made, lambda path: path.touch())
        counted = {f"60|{role}|30": counts, f"60|{role}|40": GOOD}
        self.stores.counts.put("radar", valid, FRAME, {made.id: counted})

    def days(
        self,
        days: float,
        champion: tuple[str, tuple],
        candidate: tuple[str, tuple],
        last_frame: timedelta = HOUR,
    ) -> None:
        """Both forecast every hour."""
        for number in range(int(24 * days)):
            self.issued(BEGIN + number * HOUR, "model", *champion)
            self.issued(BEGIN + number * HOUR, "challenger", *candidate)
        self.newest_frame(BEGIN + timedelta(days=days) + last_frame)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path / "store")


def test_a_challenger_that_is_better_live_is_promoted_with_its_scores(
    past: Past, registry: Registry
) -> None:
    past.days(3, ("1", BAD), ("2", GOOD))
    comparison = Shadow(past.stores, registry, POLICY).decide()
    assert comparison is not None
    assert (comparison.blocks, comparison.pixels) == (12, 72 * 100)
    assert comparison.gain == pytest.approx(0.4)
    assert registry.reader.reference() == "tiny/2"
    entry = registry.reader.history()[-1]
    assert (entry.what, entry.who) == ("promote", "shadow mode")
    assert entry.scores == comparison.to_json()
    assert "tiny/2 was better than tiny/1" in entry.why
    assert Shadow(past.stores, registry, POLICY).decide() is not None  # tiny/1 is watched now
    assert len(registry.reader.history()) == 1


@pytest.mark.parametrize(
    ("days", "candidate", "policy"),
    [
        (3, GOOD, replace(POLICY, promotes=False)),
        (3, BAD, POLICY),
        (1, GOOD, POLICY),  # four blocks
        (3, GOOD, replace(POLICY, terms=ComparisonFloor(6, 10_000))),
        (3, GOOD, replace(POLICY, days=1)),
    ],
)
def test_else_the_champion_goes_on(
    past: Past, registry: Registry, days: float, candidate: tuple, policy: ShadowPolicy
) -> None:
    past.days(days, ("1", BAD), ("2", candidate))
    Shadow(past.stores, registry, policy).decide()
    assert registry.reader.reference() == "tiny/1"
    assert registry.reader.history() == []


def test_only_forecasts_from_the_same_frames_are_compared(past: Past, registry: Registry) -> None:
    past.days(3, ("1", GOOD), ("2", GOOD))
    for number in range(72):  # the champion alone, on harder weather; and another model's
        past.issued(BEGIN + number * HOUR + STEP, "model", "1", BAD)
        past.issued(BEGIN + number * HOUR + 2 * STEP, "challenger", "3", GOOD)
    comparison = Shadow(past.stores, registry, POLICY).decide()
    assert comparison is not None
    assert (comparison.gain, comparison.pixels) == (0, 7200)


def test_a_block_counts_when_all_its_forecasts_are_scored(past: Past, registry: Registry) -> None:
    past.days(3, ("1", BAD), ("2", GOOD), last_frame=timedelta(0))
    comparison = Shadow(past.stores, registry, POLICY).decide()
    assert comparison is not None
    assert comparison.blocks == 11


def test_a_promotion_that_live_scores_regret_is_undone(past: Past, registry: Registry) -> None:
    registry.promote("tiny/2", **ME)
    past.days(3, ("2", BAD), ("1", GOOD))
    shadow = Shadow(past.stores, registry, POLICY)
    shadow.decide()
    entry = registry.reader.history()[-1]
    assert (entry.what, entry.who) == ("rollback", "shadow mode")
    assert registry.reader.reference() == "tiny/1"
    assert shadow.decide() is None
    assert len(registry.reader.history()) == 2


def test_who_is_in_the_shadow(registry: Registry) -> None:
    assert candidate_of(registry.reader.roles(), POLICY, NOW) == Candidate("challenger", "tiny/2")
    entry = registry.promote("tiny/2", **ME)
    assert candidate_of(registry.reader.roles(), POLICY, entry.time) == Candidate(
        "previous", "tiny/1"
    )
    assert candidate_of(registry.reader.roles(), POLICY, entry.time + timedelta(days=15)) is None
    assert (
        candidate_of(registry.reader.roles(), replace(POLICY, rolls_back=False), entry.time) is None
    )
    registry.set_alias("challenger", "tiny/3", **ME)
    assert candidate_of(registry.reader.roles(), POLICY, entry.time) == Candidate(
        "challenger", "tiny/3"
    )
