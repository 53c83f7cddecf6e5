"""The table of countries in the documents is what the shipped sources say."""

from pathlib import Path

from echocast.service.sources.library import all_sources

TABLE = Path(__file__).parents[3] / "docs" / "sources.md"
HEAD = "| radar of | type | every | licence | key | tried |"


def row(name: str) -> str:
    source = all_sources()[name]
    key = f"`{source.key.variable}`" if source.key else "none"
    cells = (
        source.title,
        f"`--source {name}`",
        f"{source.step_minutes:g} min",
        source.licence.name,
        key,
        source.tried,
    )
    return f"| {' | '.join(cells)} |"


def test_every_source_stands_in_the_table() -> None:
    lines = TABLE.read_text().splitlines()
    first = lines.index(HEAD) + 2
    shown = lines[first : first + len(all_sources())]
    assert shown == [row(name) for name in sorted(all_sources())]
    assert lines[first + len(shown)] == ""
