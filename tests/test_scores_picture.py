"""The README's picture of scores shows what the document says."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tools.scores_picture import DOCUMENT, PICTURE, draw, table_of, table_text


def test_the_picture_is_that_of_the_table() -> None:
    text = table_text(DOCUMENT.read_text())
    with Image.open(PICTURE) as picture:
        assert picture.info["Description"] == text, "python -m tools.scores_picture draws it anew"


def test_a_table_becomes_bars(tmp_path: Path) -> None:
    head = "| threshold (observed pixels) | 20 dBZ (9) |\n|---|---|\n"
    text = f"{head}| **A** | .5 / 1.10 |\n| B | .4 / .9 |"
    assert table_of(text) == (["20 dBZ (9)"], {"A": [(0.5, 1.1)], "B": [(0.4, 0.9)]})
    draw(text, tmp_path / "bars.png")
    with Image.open(tmp_path / "bars.png") as picture:
        assert picture.info["Description"] == text
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10
