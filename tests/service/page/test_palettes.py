"""The page colours rain as tiles and pictures do."""

import json

from tools import make_palettes

TABLES = json.loads(make_palettes.TARGET.read_text())


def test_the_page_has_the_palettes_of_the_tiles() -> None:
    for name in ("echocast", "nws", "grey"):
        assert TABLES["dBZ"][name] == make_palettes.of_codes(name), name


def test_every_code_has_a_colour() -> None:
    assert {len(colours) for colours in TABLES["dBZ"].values()} == {6 * 256}
    assert len(TABLES["%"]) == 6 * 101
    assert TABLES["outcome"] == make_palettes.OUTCOMES
    assert len(make_palettes.OUTCOMES) == 6 * 4
