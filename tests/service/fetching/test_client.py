"""The client of agencies: only their hosts, only public addresses, only so much and so long."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.service.fetching.client import LIST_BYTES, AgencyClient, ClientSettings
from echocast.service.fetching.connections import is_public
from echocast.service.fetching.errors import (
    AddressRefused,
    AgencyAway,
    AgencyRefuses,
    AnswerTooLarge,
)
from echocast.service.fetching.turns import HostTurns
from echocast.service.sources.errors import ImageMissing
from echocast.service.sources.listing import Call
from tests.service.fetching.played_agency import Asked, PlayedAgency, Reply, played_agency
from tests.service.fetching.played_source import played_source

ROOT = Path(__file__).parents[3]
ZEROS = bytes(1 << 20)
KEY = {"variable": "PLAYED_KEY", "header": "X-Key", "registration": "https://radar.example/"}
OPEN = {"allow_private": True}


def client_of(agency: PlayedAgency | None = None, **settings: Any) -> AgencyClient:
    source = settings.pop("source", None) or played_source(agency.url if agency else "")
    environment = settings.pop("environment", {})
    return AgencyClient(source, ClientSettings(**settings), HostTurns(), environment)


@pytest.fixture
def play() -> Iterator[Callable[[Callable[[Asked], Reply]], PlayedAgency]]:
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(played_agency(answer))


def test_a_list_and_an_image(play: Any, tmp_path: Path) -> None:
    agency = play(lambda asked: Reply(asked.path.encode()))
    with client_of(agency, user_agent="Echocast/9 (+https://radar.example)", **OPEN) as client:
        assert client.get(Call(f"{agency.url}/list")) == b"/list"
        client.download(Call(f"{agency.url}/image"), tmp_path / "image")
    assert (tmp_path / "image").read_bytes() == b"/image"
    assert {one.headers["User-Agent"] for one in agency.asked} == {
        "Echocast/9 (+https://radar.example)"
    }


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)
    with (
        client_of(resolve=lambda *_: [address]) as client,
        pytest.raises(AddressRefused, match="not public"),
    ):
        client.get(Call("https://radar.example/list"))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that means another address a moment later changes nothing."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    connected: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    with (
        client_of(resolve=lambda *_: next(answers)) as client,
        pytest.raises(AgencyAway, match=r"https://radar.example/list does not answer"),
    ):
        client.get(Call("https://radar.example/list"))
    assert connected == [("93.184.216.34", 443)]


def test_the_next_address_is_tried_where_one_does_not_answer(play: Any) -> None:
    agency = play(lambda _: Reply(b"there"))
    port = httpx.URL(agency.url).port
    with client_of(agency, resolve=lambda *_: ["127.99.99.99", "127.0.0.1"], **OPEN) as client:
        source_host = Call(f"http://127.0.0.1:{port}/")
        assert client.get(source_host) == b"there"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://elsewhere.example/list", "none of the hosts"),
        ("http://radar.example/list", "not https"),
        ("https://radar.example:8443/list", "a port of its own"),
        ("https://radar.example@elsewhere.example/list", "none of the hosts"),
        ("file:///etc/passwd", "none of the hosts"),
        ("https://[::1/", "is none"),
        ("http://127.0.0.1/list", "not https"),
    ],
)
def test_addresses_that_are_refused_before_anything_is_sent(url: str, why: str) -> None:
    def resolve(*_: object) -> list[str]:
        raise AssertionError("nothing shall be looked up")

    with client_of(resolve=resolve) as client, pytest.raises(AddressRefused, match=why):
        client.get(Call(url))


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://localhost:1/metrics", "none of the hosts"),
        ("https://elsewhere.example/", "none of the hosts"),
        ("http://radar.example/", "not https"),
        ("//169.254.169.254/latest", "none of the hosts"),
        ("http://[", "is none"),
    ],
)
def test_a_redirect_to_elsewhere_is_refused(play: Any, location: str, why: str) -> None:
    agency = play(lambda _: Reply(b"", 302, {"Location": location}))
    with client_of(agency, **OPEN) as client, pytest.raises(AddressRefused, match=why):
        client.get(Call(f"{agency.url}/list"))
    assert agency.paths() == ["/list"]


def test_a_redirect_of_a_public_host_to_loopback_is_refused() -> None:
    """The name is one of the source's; where it leads is checked all the same."""
    with (
        client_of(resolve=lambda *_: ["127.0.0.1"]) as client,
        pytest.raises(AddressRefused, match="not public"),
    ):
        client.get(Call("https://radar.example/list"))


def test_redirects_within_the_source_are_followed_a_few_times(play: Any) -> None:
    def answer(asked: Asked) -> Reply:
        hop = int(asked.path[1:])
        return Reply(b"here") if not hop else Reply(b"", 302, {"Location": f"/{hop - 1}"})

    agency = play(answer)
    with client_of(agency, **OPEN) as client:
        assert client.get(Call(f"{agency.url}/4")) == b"here"
        with pytest.raises(AgencyRefuses, match="redirects more than 4 times"):
            client.get(Call(f"{agency.url}/5"))


def test_a_redirect_may_mean_that_an_image_is_not_there(play: Any, tmp_path: Path) -> None:
    """Some agencies lead to their start page then, which is no image."""
    agency = play(lambda asked: Reply(b"", 307, {"Location": "/start"}))
    fetch = {"kind": "clock", "url": f"{agency.url}/%Y%m%d%H%M.nc", "missing": [307]}
    client = client_of(source=played_source(fetch=fetch), **OPEN)
    with client, pytest.raises(ImageMissing, match="307"):
        client.download(Call(f"{agency.url}/image"), tmp_path / "image")
    assert agency.paths() == ["/image"]


def test_a_key_is_not_sent_to_another_host(play: Any) -> None:
    other = play(lambda _: Reply(b"signed"))
    theirs = other.url.replace("127.0.0.1", "localhost")

    def answer(asked: Asked) -> Reply:
        if asked.path == "/other":
            return Reply(b"", 307, {"Location": f"{theirs}/here"})
        return Reply(b"", 302, {"Location": "/own"}) if asked.path == "/same" else Reply(b"own")

    agency = play(answer)
    source = played_source(agency.url, key=KEY, hosts=["127.0.0.1", "localhost"])
    environment = {"PLAYED_KEY": "secret-word"}
    with client_of(source=source, environment=environment, **OPEN) as client:
        assert client.get(Call(f"{agency.url}/same")) == b"own"
        assert client.get(Call(f"{agency.url}/other")) == b"signed"
        assert client.get(Call(f"{theirs}/direct")) == b"signed"
        assert client.get(Call(f"{agency.url}/without", with_key=False)) == b"own"
    assert [one.headers.get("X-Key") for one in agency.asked] == [*["secret-word"] * 3, None]
    assert ["X-Key" in one.headers for one in other.asked] == [False, False]


def test_a_key_in_the_query_is_in_no_message(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    replies = iter([Reply(b"", 302, {"Location": "/b"}), Reply(b"", 500), Reply(b"", 404)])
    agency = play(lambda _: next(replies))
    key = {**KEY, "header": "", "query": "apikey"}
    source = played_source(agency.url, key=key)
    with client_of(source=source, environment={"PLAYED_KEY": "secret-word"}, **OPEN) as client:
        for kind in (AgencyRefuses, ImageMissing):
            with pytest.raises(kind) as caught:
                client.get(Call(f"{agency.url}/a"))
            assert "secret-word" not in str(caught.value)
    assert agency.paths() == ["/a?apikey=secret-word", "/b", "/a?apikey=secret-word"]


def endless() -> Iterator[bytes]:
    for _ in range(10 * 1024):
        yield ZEROS


@pytest.mark.parametrize("length", [10 * 1024**3, None])
def test_ten_gigabytes_end_at_the_limit(play: Any, tmp_path: Path, length: int | None) -> None:
    agency = play(lambda _: Reply(endless(), length=length))
    with client_of(agency, image_bytes=3_000_000, **OPEN) as client:
        with pytest.raises(AnswerTooLarge, match="more than 3000000"):
            client.download(Call(f"{agency.url}/image"), tmp_path / "image")
        with pytest.raises(AnswerTooLarge, match=f"more than {LIST_BYTES}"):
            client.get(Call(f"{agency.url}/list"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", [b"half", [b"4\r\nhalf\r\n"]])
def test_half_a_file_is_no_file(play: Any, tmp_path: Path, body: Any) -> None:
    chunked = {} if isinstance(body, bytes) else {"Transfer-Encoding": "chunked"}
    agency = play(lambda _: Reply(body, headers=chunked, length=None if chunked else 8))
    with client_of(agency, **OPEN) as client, pytest.raises(AgencyAway, match="does not answer"):
        client.download(Call(f"{agency.url}/image"), tmp_path / "image")
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_drips_ends_with_the_time_it_may_take(play: Any, tmp_path: Path) -> None:
    """Each byte comes well within the timeout of one read; so do those of the head."""

    def drips(one: bytes) -> Iterator[bytes]:
        for _ in range(600):
            yield one
            time.sleep(0.05)

    agency = play(lambda _: Reply(drips(b"x"), length=600))
    with client_of(agency, seconds=0.3, **OPEN) as client, pytest.raises(AgencyAway):
        client.download(Call(f"{agency.url}/image"), tmp_path / "image")
    assert list(tmp_path.iterdir()) == []


def test_a_head_that_does_not_come_ends_too() -> None:
    """A server that accepts a connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        source = played_source(url)
        with client_of(source=source, seconds=0.2, **OPEN) as client, pytest.raises(AgencyAway):
            client.get(Call(f"{url}/list"))


def test_a_list_that_has_not_changed_is_not_sent_again(play: Any) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.headers.get("If-None-Match") == '"1"':
            return Reply(b"", 304)
        return Reply(b"list", headers={"ETag": '"1"', "Last-Modified": "yesterday"})

    agency = play(answer)
    with client_of(agency, **OPEN) as client:
        assert [client.get(Call(f"{agency.url}/list")) for _ in range(2)] == [b"list"] * 2
        assert client.get(Call(f"{agency.url}/other")) == b"list"
    assert [one.headers.get("If-Modified-Since") for one in agency.asked] == [
        None,
        "yesterday",
        None,
    ]


def test_a_list_in_gzip_is_unpacked(play: Any, tmp_path: Path) -> None:
    """Some servers pack what they were asked not to; an image stays as it is: readers unpack it."""
    page = b"<a href='1'>1</a>" * 10_000
    packed = Reply(gzip.compress(page), headers={"Content-Encoding": "gzip"})
    agency = play(lambda _: packed)
    with client_of(agency, **OPEN) as client:
        assert client.get(Call(f"{agency.url}/list")) == page
        client.download(Call(f"{agency.url}/image"), tmp_path / "image")
    assert (tmp_path / "image").read_bytes() == packed.body


@pytest.mark.parametrize("whole", [True, False])
def test_a_list_in_gzip_that_is_cut_or_damaged_is_no_list(play: Any, whole: bool) -> None:
    content = gzip.compress(bytes(range(256)) * 100)
    content = content[:40] + b"!!!!" + content[44:] if whole else content[:-20]
    agency = play(lambda _: Reply(content, headers={"Content-Encoding": "gzip"}))
    with client_of(agency, **OPEN) as client, pytest.raises(AgencyAway, match="gzip"):
        client.get(Call(f"{agency.url}/list"))


def test_a_list_that_unpacks_to_too_much_ends_at_the_limit(play: Any) -> None:
    bomb = gzip.compress(bytes(LIST_BYTES + 1))
    agency = play(lambda _: Reply(bomb, headers={"Content-Encoding": "gzip"}))
    with client_of(agency, **OPEN) as client, pytest.raises(AnswerTooLarge, match="unpacks to"):
        client.get(Call(f"{agency.url}/list"))


def test_a_list_in_another_encoding_is_refused(play: Any) -> None:
    agency = play(lambda _: Reply(b"", headers={"Content-Encoding": "br"}))
    with client_of(agency, **OPEN) as client, pytest.raises(AgencyRefuses, match="encoding 'br'"):
        client.get(Call(f"{agency.url}/list"))


def test_what_is_not_there_yet_and_what_is_refused(play: Any) -> None:
    statuses = iter([403, 404, 500, 503])
    agency = play(lambda _: Reply(b"", next(statuses), {"Retry-After": "90"}))
    fetch = {"kind": "clock", "url": f"{agency.url}/%Y%m%d%H%M.nc", "missing": [403, 404]}
    with client_of(source=played_source(fetch=fetch), **OPEN) as client:
        for _ in range(2):
            with pytest.raises(ImageMissing):
                client.get(Call(f"{agency.url}/list"))
        for name in ("500 Internal Server Error", "503 Service Unavailable"):
            with pytest.raises(AgencyRefuses, match=f"127.0.0.1 answers {name}") as caught:
                client.get(Call(f"{agency.url}/list"))
            assert caught.value.retry_after_seconds == 90


def test_retry_after_as_a_date_counts_by_the_agencys_clock(play: Any) -> None:
    theirs = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=7)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(seconds=60), usegmt=True),
    }
    agency = play(lambda _: Reply(b"", 503, headers))
    with client_of(agency, **OPEN) as client:
        with pytest.raises(AgencyRefuses) as caught:
            client.get(Call(f"{agency.url}/list"))
        assert caught.value.retry_after_seconds == 60
        assert -7 * 60 - 1 <= client.clock_ahead_seconds <= -7 * 60 + 60


def test_a_call_with_a_body_is_a_post_also_behind_a_redirect(play: Any) -> None:
    def answer(asked: Asked) -> Reply:
        target = {"/307": "/a", "/303": "/b"}.get(asked.path)
        status = int(asked.path[1:]) if target else 200
        return Reply(b"", status, {"Location": target}) if target else Reply(asked.body)

    agency = play(answer)
    with client_of(agency, **OPEN) as client:
        assert client.get(Call(f"{agency.url}/307", {"type": "VMI"})) == b'{"type":"VMI"}'
        assert client.get(Call(f"{agency.url}/303", {"type": "VMI"})) == b""
    assert [one.method for one in agency.asked] == ["POST", "POST", "POST", "GET"]


def test_tls_verifies_the_name_although_the_address_is_pinned(tmp_path: Path) -> None:
    """A certificate of another name, or of nobody whom we trust, is refused."""
    for name, trusted, fits in (
        ("radar.example", True, True),
        ("other.example", True, False),
        ("radar.example", False, False),
    ):
        authority, certificate, key = certificate_of(name, tmp_path)
        context = ssl.create_default_context()
        if trusted:
            context.load_verify_locations(authority)
        with tls_server(certificate, key) as port:
            settings = {"context": context, "resolve": lambda *_: ["127.0.0.1"], **OPEN}
            with client_of(source=played_source(), **settings) as client:
                call = Call(f"https://radar.example:{port}/list")
                if fits:
                    assert client.get(call) == b"over TLS"
                else:
                    with pytest.raises(AgencyAway, match="CERTIFICATE_VERIFY_FAILED"):
                        client.get(call)


def certificate_of(name: str, folder: Path) -> tuple[Path, Path, Path]:
    """The authority's certificate, the server's and its key, of a server of that name."""
    made = folder / str(len([*folder.iterdir()]))
    script = ROOT / "deploy/valkey/certificates.sh"
    subprocess.run(["sh", script, made, f"DNS:{name}"], check=True, capture_output=True)
    return made / "ca.crt", made / "engine.crt", made / "engine.key"


@contextmanager
def tls_server(certificate: Path, key: Path) -> Iterator[int]:
    """A server that answers one request over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_once, args=(listener, context))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def _answer_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
        secure.recv(10_000)
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nover TLS")
    connection.close()
