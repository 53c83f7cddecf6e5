"""`echocast sources`: what there is, for people and machines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echocast.model.errors import ContractViolation
from echocast.model.formats.reading import Reading
from echocast.service.cli.main import app
from echocast.service.cli.sources import fetched_and_read
from echocast.service.fetching.client import ClientSettings
from echocast.service.sources.errors import ImageMissing
from tests.service.fetching.played_agency import Asked, Reply, played_agency
from tests.service.fetching.played_source import played_source
from tests.service.sources.played_source import CLOCK
from tests.service.streams.stream_feed import frame_bytes, frames


def run(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


def names(*words: str) -> list[str]:
    return [source["name"] for source in json.loads(run("sources", "--json", *words))]


def test_every_source_has_a_row_with_licence_and_when_it_was_tried() -> None:
    rows = {line.split()[0]: line for line in run("sources").splitlines() if line.strip()}
    assert "CC-BY-4.0" in rows["opera"]
    assert "KNMI_API_KEY" in rows["knmi"]
    assert rows["mrms"].split()[-1] == "never"


def test_sources_of_a_place() -> None:
    assert "dpc" in names("--at", "41.9,12.5")
    assert "mrms" not in names("--at", "41.9,12.5")
    assert names("--at", "35.0,-90.0") == ["mrms"]
    assert names("--at", "-1.3,36.8") == []
    words = run("sources", "--at", "-1.3,36.8")
    assert "No source shows anything of -1.3,36.8." in words
    assert "echocast watch" in words


def test_own_sources_stand_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text(CLOCK)
    monkeypatch.setenv("ECHOCAST_SOURCES_DIR", str(tmp_path))
    assert {"mine", "opera"} <= set(names())


@pytest.mark.parametrize("words", ["Rome", "41.9", "98,0", "nan,0"])
def test_a_place_that_is_none_is_refused_as_a_region_is(words: str) -> None:
    done = CliRunner().invoke(app, ["sources", "--at", words])
    with pytest.raises(ContractViolation) as region:
        Reading.of_words(at=words, radius_km=10.0)
    assert str(done.exception) == str(region.value)


LOCAL = ClientSettings(allow_private=True)
ENDS = ("", ".md5")
REGION = Reading.of_words(at="50,8", radius_km=10.0)


def html(url: str) -> dict[str, str]:
    return {"kind": "html", "url": f"{url}/list/", "name": "radar_%Y%m%d%H%M.nc"}


def test_an_image_of_a_listed_source_is_fetched_read_and_drawn(tmp_path: Path) -> None:
    """The list has one image more than the agency: it goes back to the one that is there."""
    now = datetime.now(UTC)
    times = [now - timedelta(minutes=minutes) for minutes in range(60)]
    links = [f"<a href=radar_{time:%Y%m%d%H%M}.nc{end}>x</a>" for time in times for end in ENDS]
    page = "".join(links).encode()
    there: list[str] = []

    def answer(asked: Asked) -> Reply:
        if asked.path == "/list/":
            return Reply(page)
        there.append(asked.path)
        return Reply(frame_bytes(0)) if len(there) > 1 else Reply(status=404)

    with played_agency(answer) as agency:
        source = played_source(agency.url, fetch=html(agency.url))
        report = fetched_and_read(source, REGION, LOCAL, tmp_path / "image.png")
    assert len(there) == 2 and there[0] > there[1]  # noqa: PT018
    assert report["image"]["url"].endswith(there[1])
    assert report["image"]["bytes"] == len(frame_bytes(0))
    assert report["image"]["seconds"].keys() == {"list", "fetch", "read"}
    assert report["read"]["times"]["first"] == frames().times[0].isoformat()
    assert report["read"]["grid"]["rows"] < 32  # of the region
    assert report["licence"]["attribution"] == "Played"
    assert (tmp_path / "image.png").read_bytes().startswith(b"\x89PNG")


def test_an_agency_without_images_is_said_to_have_none() -> None:
    with played_agency(lambda _: Reply(status=404)) as agency:
        source = played_source(agency.url)
        with pytest.raises(ImageMissing, match="played has no image of"):
            fetched_and_read(source, REGION, LOCAL, None)


def test_the_command_asks_as_the_fetcher_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOCAST_SOURCES_DIR", str(tmp_path))
    monkeypatch.setenv("ECHOCAST_FETCH_ALLOW_PRIVATE", "true")
    monkeypatch.setenv("ECHOCAST_FETCH_CONTACT", "ops@town.example")
    with played_agency(lambda _: Reply(frame_bytes(0))) as agency:
        played = CLOCK.replace("https://a.example", agency.url).replace("a.example", "127.0.0.1")
        (tmp_path / "mine.toml").write_text(played)
        lines = run("source", "test", "mine").splitlines()
    assert lines[0] == "Played agency"
    assert "CC-BY-4.0. Radar data: a played agency." in lines[1]
    assert any(line.startswith("  fetched: http://127.0.0.1") for line in lines)
    assert any(line.startswith("  grid: 32 x 32 pixels") for line in lines)
    assert not any("nowcast:" in line for line in lines)
    assert agency.asked[0].headers["User-Agent"].endswith("(+ops@town.example)")
