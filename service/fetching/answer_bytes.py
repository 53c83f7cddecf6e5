"""The bytes of answers of agencies, under limits: as they are sent, or unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

import httpx

from echocast.model.errors import short
from echocast.service.fetching.errors import AgencyAway, AgencyRefuses, AnswerTooLarge

GZIP: Final = ("gzip", "x-gzip")
GZIP_WINDOW: Final = 31  # of zlib: with the header of gzip
BLOCK_BYTES: Final = 1 << 16


def shown(url: httpx.URL) -> str:
    """An address without its query, in which a key may stand."""
    return f"{url.scheme}://{url.host}{url.path}"


def limited(answer: httpx.Response, limit: int) -> Iterator[bytes]:
    """The bytes of an answer as they are sent.

    Raises:
        AnswerTooLarge: There are more than the limit, or more are announced.
    """
    announced, count = answer.headers.get("content-length", ""), 0
    if announced.isdecimal() and int(announced) > limit:
        raise AnswerTooLarge(f"{shown(answer.url)} has {announced} bytes, more than {limit}.")
    for chunk in answer.iter_raw():
        if (count := count + len(chunk)) > limit:
            raise AnswerTooLarge(f"{shown(answer.url)} has more than {limit} bytes.")
        yield chunk


def unpacked(answer: httpx.Response, limit: int) -> Iterator[bytes]:
    """The bytes of an answer, unpacked where it comes in gzip although that was not asked for.

    Raises:
        AnswerTooLarge: There are more than the limit, packed or unpacked.
        AgencyRefuses: It comes in another encoding.
        AgencyAway: It is damaged or cut short.
    """
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from limited(answer, limit)
    elif encoding not in GZIP:
        raise AgencyRefuses(f"{answer.url.host} answers in the encoding {short(encoding)!r}.")
    else:
        yield from _of_gzip(answer, limit)


def _of_gzip(answer: httpx.Response, limit: int) -> Iterator[bytes]:
    unpacking, count = zlib.decompressobj(GZIP_WINDOW), 0
    try:
        for packed in limited(answer, limit):
            while packed and not unpacking.eof:
                part = unpacking.decompress(packed, BLOCK_BYTES)
                packed = unpacking.unconsumed_tail
                if (count := count + len(part)) > limit:
                    raise AnswerTooLarge(f"{shown(answer.url)} unpacks to more than {limit} bytes.")
                yield part
        yield unpacking.flush(BLOCK_BYTES)
    except zlib.error as error:
        raise AgencyAway(f"{shown(answer.url)} answers damaged gzip: {error}.") from error
    if not unpacking.eof:
        raise AgencyAway(f"{shown(answer.url)} answers half of a file in gzip.")
