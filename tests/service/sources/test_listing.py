"""What agencies' lists hold, in each of their styles; no network is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from echocast.service.sources.errors import ImageMissing, ListingUnreadable
from echocast.service.sources.listing import Available, Call, available, image_call
from tests.service.sources.played_source import played

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)


class Agency:
    """Answers by address; what it does not have is missing."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> bytes:
        self.calls.append(call)
        if call.url not in self.answers:
            raise ImageMissing(call.url)
        return self.answers[call.url]


def nobody(call: Call) -> bytes:
    raise AssertionError(call)


def times(images: list[Available]) -> list[datetime]:
    return [image.time for image in images]


def test_a_clock_makes_one_address_a_step(tmp_path: Path) -> None:
    made = played(tmp_path, 'kind = "clock"\nurl = "https://a.example/%Y%m%d/%H%M.h5"')
    images = available(made, nobody, NOON - 2.5 * STEP, NOON + 0.9 * STEP)
    assert images == [
        Available(NOON - 2 * STEP, "https://a.example/20261130/1150.h5"),
        Available(NOON - STEP, "https://a.example/20261130/1155.h5"),
        Available(NOON, "https://a.example/20261130/1200.h5"),
    ]
    assert images[-1].name(made) == "played_20261130T120000"
    assert image_call(made, images[-1], nobody) == Call("https://a.example/20261130/1200.h5")


def test_stamps_at_the_begin_of_a_scan_and_of_another_zone_are_valid_times_in_utc(
    tmp_path: Path,
) -> None:
    more = 'stamp = "begin"\nutc_offset_hours = 8'
    clock = played(tmp_path, f'kind = "clock"\nurl = "https://a.example/%Y%m%d%H%M"\n{more}')
    assert available(clock, nobody, NOON, NOON) == [
        Available(NOON, "https://a.example/202611301955")
    ]
    html = f'kind = "html"\nurl = "https://a.example/"\nname = "%Y%m%d%H%M"\n{more}'
    page = b'<a href="202611301955">x</a><a href="202611302000">x</a>'
    agency = Agency({"https://a.example/": page})
    assert available(played(tmp_path, html), agency, NOON, NOON) == [
        Available(NOON, "https://a.example/202611301955")
    ]


def test_a_page_of_html_names_images_among_others(tmp_path: Path) -> None:
    made = played(
        tmp_path, 'kind = "html"\nurl = "https://a.example/hx/"\nname = "hx_%Y%m%d_%H%M-hd5"'
    )
    page = b"""<html><body><h1>Index</h1><a href="../">../</a>
        <A HREF="hx_20261130_1200-hd5">a</A> <a href='/hx/hx_20261130_1155-hd5'>b</a>
        <a href="hx_LATEST-hd5">c</a> <a href="hx_20261130_1150-hd5.md5">d</a>
        <a href="hx_20261129_1155-hd5">old</a><a href="hx_20261130_1205-hd5">new"""
    images = available(made, Agency({"https://a.example/hx/": page}), NOON - 2 * STEP, NOON)
    assert images == [
        Available(NOON - STEP, "https://a.example/hx/hx_20261130_1155-hd5"),
        Available(NOON, "https://a.example/hx/hx_20261130_1200-hd5"),
    ]


def test_lists_of_hours_are_asked_for_each_hour_once(tmp_path: Path) -> None:
    made = played(
        tmp_path,
        'kind = "xml"\nlinks = "Key"\nname = "MRMS_%Y%m%d-%H%M%S.grib2.gz"\n'
        'url = "https://a.example/?list-type=2&prefix=C/%Y%m%d/MRMS_%Y%m%d-%H"',
    )
    start = "https://a.example/?list-type=2&prefix=C/20261130/MRMS_20261130-"
    keys = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/">
        <Name>b</Name><Contents><Key>C/20261130/MRMS_20261130-120041.grib2.gz</Key></Contents>
        </ListBucketResult>"""
    agency = Agency({start + "12": keys})
    images = available(made, agency, NOON - timedelta(minutes=90), NOON + STEP)
    url = "https://a.example/C/20261130/MRMS_20261130-120041.grib2.gz"
    assert images == [Available(NOON + timedelta(seconds=41), url)]
    assert [call.url for call in agency.calls] == [start + hour for hour in ("10", "11", "12")]


def test_an_address_of_wfs_holds_its_time_in_the_query(tmp_path: Path) -> None:
    made = played(
        tmp_path,
        'kind = "xml"\nlinks = "fileReference"\nname = "time=%Y-%m-%dT%H:%M:%SZ"\n'
        'url = "https://a.example/wfs"',
    )
    page = b"<gml:fileReference>\n http://a.example/wms?time=2026-11-30T12:00:00Z&amp;bbox=1,2\n"
    page += b"</gml:fileReference><gml:name>time=2026-11-30T12:00:00Z</gml:name>"
    images = available(made, Agency({"https://a.example/wfs": page}), NOON, NOON)
    assert images == [Available(NOON, "https://a.example/wms?time=2026-11-30T12:00:00Z&bbox=1,2")]


def test_items_of_json_are_followed_along_a_path(tmp_path: Path) -> None:
    made = played(
        tmp_path,
        'kind = "json"\nlinks = "features.*.assets.*.href"\nname = "dk_%Y%m%d%H%M.h5"\n'
        'url = "https://a.example/items?datetime=%Y-%m-%dT%H:00:00Z"',
    )
    items: dict[str, Any] = {
        "features": [
            {"assets": {"data": {"href": "https://a.example/dk_202611301200.h5"}}},
            {"assets": {"data": {"href": "https://a.example/dk_202611301200.png"}}},
            {"assets": {"data": {"href": None}}},
            {"assets": []},
            7,
        ]
    }
    url = "https://a.example/items?datetime=2026-11-30T12:00:00Z"
    images = available(made, Agency({url: json.dumps(items).encode()}), NOON, NOON)
    assert images == [Available(NOON, "https://a.example/dk_202611301200.h5")]
    for broken in (b"<html>", b"\xff", b"[" * 100_000):
        with pytest.raises(ListingUnreadable, match="JSON"):
            available(made, Agency({url: broken}), NOON, NOON)
    for other in (b"[]", b"7", b"null", b'{"features": {"a": "b"}}'):
        assert not available(made, Agency({url: other}), NOON, NOON)


def test_two_names_of_one_time_are_one_image(tmp_path: Path) -> None:
    made = played(tmp_path, 'kind = "html"\nurl = "https://a.example/"\nname = "a_%Y%m%d%H%M*.h5"')
    page = b'<a href="a_202611301200.h5"></a><a href="a_202611301200_v2.h5"></a>'
    assert times(available(made, Agency({"https://a.example/": page}), NOON, NOON)) == [NOON]


def test_an_address_is_signed_by_a_call_with_the_key(tmp_path: Path) -> None:
    made = played(
        tmp_path,
        'kind = "clock"\nurl = "https://a.example/%Y%m%d%H%M.h5/url"\n'
        '[fetch.signed]\nlink = "temporaryDownloadUrl"',
    )
    (image,) = available(made, nobody, NOON, NOON)
    agency = Agency({image.url: b'{"temporaryDownloadUrl": "https://s3.example/x?sig=1"}'})
    signed = image_call(made, image, agency)
    assert agency.calls == [Call(image.url)]
    assert signed == Call("https://s3.example/x?sig=1", with_key=False)
    with pytest.raises(ListingUnreadable, match="temporaryDownloadUrl"):
        image_call(made, image, Agency({image.url: b"{}"}))


def test_an_address_is_signed_by_a_post_that_says_the_time(tmp_path: Path) -> None:
    made = played(
        tmp_path,
        'kind = "clock"\nurl = "https://a.example/downloadProduct"\n'
        '[fetch.signed]\nlink = "url"\nbody = { productType = "VMI", productDate = "%Q" }',
    )
    images = available(made, nobody, NOON - STEP, NOON)
    assert times(images) == [NOON - STEP, NOON]
    agency = Agency({images[0].url: b'{"url": "https://s3.example/a.tif"}'})
    assert image_call(made, images[1], agency).url == "https://s3.example/a.tif"
    milliseconds = int(NOON.timestamp()) * 1000
    assert agency.calls == [
        Call(images[1].url, {"productType": "VMI", "productDate": milliseconds})
    ]
