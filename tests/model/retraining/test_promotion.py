"""The verdict on counts made by hand: what must be promoted, rejected, or left open."""

from collections.abc import Sequence

import numpy as np
import pytest

from echocast.model.retraining.config import PromotionCriteria
from echocast.model.retraining.paired_forecasts import PairedForecasts, count_storms
from echocast.model.retraining.promotion import decide
from echocast.model.retraining.verdict import Verdict
from echocast.model.verification.bootstrap import csi_difference, resampled
from echocast.model.verification.counts import PAIRED_METHODS, THRESHOLDS_DBZ
from echocast.model.verification.event_scores import EventScores
from echocast.model.verification.start_counts import StartCounts

LEADS = (6.0, 12.0, 18.0)
CRITERIA = PromotionCriteria(fewest_events=3, fewest_blocks=6, fewest_storms=10, fewest_pixels=500)
HITS = {"challenger": 60, "champion": 50, "persistence": 30}


def paired_event(
    number: int,
    hits: dict[str, int] = HITS,
    *,
    starts: int = 6,
    per_threshold: Sequence[float] = (1,) * 6,
    seconds: tuple[float, float] = (1.0, 1.0),
    storms: int = 10,
    unknown: int = 0,
) -> PairedForecasts:
    """Of 100 pixels observed and 100 forecast at every lead, so many are hits."""
    random = np.random.default_rng(number)
    made = []
    for _ in range(starts):
        counts = np.zeros((len(PAIRED_METHODS), len(THRESHOLDS_DBZ), len(LEADS), 4), np.int64)
        luck = random.integers(-3, 4)
        for m, method in enumerate(PAIRED_METHODS):
            for t, share in enumerate(per_threshold):
                hit = hits.get(method, 40) + luck
                counts[m, t, :, :3] = np.round(np.array([hit, 100 - hit, 100 - hit]) * share)
        empty = np.zeros((len(PAIRED_METHODS), len(LEADS)))
        counts[..., 3] = 4096 - counts.sum(-1)
        made.append(StartCounts(counts, empty, np.zeros((1,))))
    minutes = tuple(20.0 * k for k in range(starts))
    scores = EventScores(f"event {number}", PAIRED_METHODS, LEADS, minutes, tuple(made))
    return PairedForecasts(scores, np.tile(seconds, (starts, 1)), storms, unknown)


def verdict_of(
    hits: dict[str, int] = HITS, criteria: PromotionCriteria = CRITERIA, events: int = 4, **more
) -> Verdict:
    return decide([paired_event(k, hits, **more) for k in range(events)], criteria)


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if check.passed is False]


def test_a_better_challenger_is_promoted():
    verdict = verdict_of()
    assert verdict.outcome == "promote"
    assert not failed(verdict)
    assert verdict.sample["events"] == 4
    assert verdict.sample["blocks"] == 8


def test_a_worse_challenger_is_rejected():
    verdict = verdict_of({**HITS, "challenger": 40})
    assert verdict.outcome == "reject"
    assert "CSI-20 not worse" in failed(verdict)
    assert "better at 40 dBZ" in failed(verdict)


def test_an_equal_challenger_is_rejected_for_it_is_not_better():
    assert failed(verdict_of({**HITS, "challenger": 50})) == ["better at 40 dBZ"]


def test_worse_at_one_threshold_is_enough():
    verdict = decide([paired_event(k) for k in range(4)], CRITERIA)
    at_20 = PAIRED_METHODS.index("challenger"), THRESHOLDS_DBZ.index(20.0)
    spoiled = [paired_event(k) for k in range(4)]
    for one in spoiled:
        for start in one.scores.starts:
            start.counts[*at_20, :, :3] = [45, 55, 55]
    assert verdict.outcome == "promote"
    assert failed(decide(spoiled, CRITERIA)) == ["CSI-20 not worse"]


def test_a_loss_within_the_margin_is_allowed():
    wide = CRITERIA.model_copy(update={"worst_csi_loss": 0.5})
    assert failed(verdict_of({**HITS, "challenger": 49}, wide)) == ["better at 40 dBZ"]


def test_below_persistence_at_one_lead_is_enough():
    made = [paired_event(k) for k in range(4)]
    for one in made:
        for start in one.scores.starts:
            start.counts[PAIRED_METHODS.index("persistence"), :, 2, :3] = [90, 10, 10]
    verdict = decide(made, CRITERIA)
    assert failed(verdict) == ["above persistence at 30 dBZ", "above persistence at 40 dBZ"]
    assert "after 18 min" in verdict.why


def test_too_little_weather_says_what_is_missing():
    verdict = verdict_of(events=2, starts=2, storms=3)
    assert verdict.outcome == "insufficient evidence"
    assert verdict.missing == {"events": 1, "blocks": 4, "storms": 4}
    assert "1 of 3 events (held out), 4 of 6 blocks (of start times)" in verdict.why
    assert "4 of 10 storms (cores of 40 dBZ, counted each hour)." in verdict.why
    assert "Let the archive grow" in verdict.why
    assert verdict.checks, "What little there was is shown all the same."


def test_too_few_heavy_pixels_are_insufficient_however_good_the_rest():
    verdict = verdict_of(per_threshold=(1, 1, 1, 0.01, 0, 0))
    assert verdict.outcome == "insufficient evidence"
    assert list(verdict.missing) == ["pixels_at_40_dBZ"]


def test_a_threshold_with_few_pixels_is_not_judged():
    verdict = verdict_of(per_threshold=(1, 1, 1, 1, 1, 0.01))
    passed = {check.name: check.passed for check in verdict.checks}
    assert passed["CSI-50 not worse"] is None
    assert verdict.outcome == "promote"


def test_false_alarms_where_the_champion_is_silent_are_judged():
    made = [paired_event(k) for k in range(4)]
    at_50 = THRESHOLDS_DBZ.index(50.0)
    for one in made:
        for start in one.scores.starts:
            start.counts[:, at_50] = 0
            start.counts[PAIRED_METHODS.index("challenger"), at_50, :, :3] = [0, 0, 100]
    assert failed(decide(made, CRITERIA)) == ["CSI-50 not worse"]


@pytest.mark.parametrize(
    ("spoil", "name"),
    [({"unknown": 1}, "finite"), ({"seconds": (1.0, 1.3)}, "latency")],
)
def test_what_cannot_serve_is_rejected_even_where_the_weather_is_too_little(spoil, name):
    verdict = verdict_of(events=1, **spoil)
    assert verdict.outcome == "reject"
    assert name in failed(verdict)


def test_a_failed_golden_input_is_rejected():
    verdict = decide(
        [paired_event(k) for k in range(4)], CRITERIA, "tiny/2 fails the golden input: x."
    )
    assert verdict.outcome == "reject"
    assert failed(verdict) == ["golden input"]


def test_a_decision_comes_back_from_json():
    verdict = verdict_of()
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_an_interval_of_few_events_is_wider_than_that_of_many():
    gaps = {0: 5, 1: -5, 2: 15, 3: 0}

    def width(events: int) -> float:
        made = [paired_event(k, {**HITS, "challenger": 50 + gaps[k % 4]}) for k in range(events)]
        _, low, high = csi_difference([c.scores.blocks(PAIRED_METHODS[:2], 60.0) for c in made])
        return float(high[1] - low[1])

    assert width(4) > 1.5 * width(24)


def test_whole_events_are_drawn_never_their_pixels():
    equal = [np.full((3, 2), k) for k in (1, 10)]
    assert {tuple(row) for row in resampled(equal).tolist()} == {(6, 6), (33, 33), (60, 60)}


def test_storms_are_cores_of_some_size():
    frame = np.zeros((30, 30), np.float32)
    frame[2:5, 2:5] = 45
    frame[20:22, 20:22] = 41
    frame[10, 10] = 60
    assert count_storms(frame, 1.0) == 2
    assert count_storms(frame, 0.5) == 0
    assert count_storms(np.full((5, 5), np.nan, np.float32), 1.0) == 0


def test_the_file_of_an_event_holds_counts_and_pixels_and_gives_the_same_back(tmp_path):
    first = paired_event(1)
    first.save(tmp_path / "event.npz")
    with np.load(tmp_path / "event.npz", allow_pickle=False) as parts:
        assert parts["counts"].shape[-1] == 3
        assert (parts["pixels"] == 4096).all()
    again = PairedForecasts.load(tmp_path / "event.npz")
    assert again.scores.methods == PAIRED_METHODS
    assert np.array_equal(again.scores.counts, first.scores.counts)
