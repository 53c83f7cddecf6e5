"""The picture of skill shows what there is enough of, and says where there is not."""

from typing import Any

from echocast.model.plotting.methods import COLOURS, MEANINGS, STYLES, colour_of
from echocast.model.plotting.skill import FAINT, TOO_FEW, skill_figure, skill_png


def verification(hits: int, *, enough: bool) -> dict[str, Any]:
    counts = {"hits": hits, "misses": 500, "false_alarms": 400}
    leads = [{"lead_minutes": 5 * k, "csi": 0.5 / k, "forecasts": 3} for k in (1, 2)]
    few = {"hits": 3, "misses": 2, "false_alarms": 1}
    sample = {"pixels": hits + 900, "blocks": 4, "storms": 12, "enough": enough}
    return {
        "methods": {
            "model": {"30": {"leads": leads, "pooled": counts}},
            "fallback": {"30": {"leads": leads, "pooled": few}},
        },
        "samples": {"30": sample},
        "floors": {"pixels": 1000, "blocks": 10, "storms": 60},
    }


def test_a_method_with_a_handful_of_events_is_left_out() -> None:
    panel = skill_figure(verification(600, enough=True), "home").axes[0]
    assert [line.get_label() for line in panel.lines] == ["model"]
    assert panel.lines[0].get_alpha() == 1
    assert TOO_FEW not in panel.get_title(loc="left")


def test_too_few_blocks_or_storms_are_said_and_drawn_faint() -> None:
    panel = skill_figure(verification(600, enough=False), "home").axes[0]
    assert panel.lines[0].get_alpha() == FAINT
    assert [line.get_alpha() for line in panel.figure.legends[0].legend_handles] == [1]
    title = panel.get_title(loc="left")
    assert title == f"30 dBZ   n = 1,500 pixels, 4 blocks, 12 storms: {TOO_FEW}"


def test_without_events_there_is_no_line() -> None:
    panel = skill_figure(verification(0, enough=False), "home").axes[0]
    assert not panel.lines
    assert [text.get_text() for text in panel.texts] == ["n/a"]
    assert skill_png(verification(0, enough=False), "home").startswith(b"\x89PNG")


def test_every_method_that_a_picture_may_name_has_a_colour_of_its_own() -> None:
    people = ("decoded extrapolation", "pysteps S-PROG", "pysteps LK", *STYLES)
    assert {*STYLES} >= {*MEANINGS} - {"decoded pysteps S-PROG"}
    assert {colour_of(name) for name in people} <= set(COLOURS.values())
    drawn_together = set(COLOURS) - {"champion"}
    assert len({COLOURS[name] for name in drawn_together}) == len(drawn_together)
