"""AgencyClient: requests to the hosts of one source, within limits of size and time.

Redirects are followed by hand, within the source's hosts, each address checked again. The source's
key goes to the host that asks for it and to no other, and stands in no message: messages name
addresses without their query.
"""

from __future__ import annotations

import os
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import httpx

from echocast.service.fetching.answer_bytes import limited, shown, unpacked
from echocast.service.fetching.connections import (
    CheckedBackend,
    CheckedTransport,
    Deadline,
    Resolve,
    addresses_of,
)
from echocast.service.fetching.errors import (
    AddressRefused,
    AgencyAway,
    AgencyRefuses,
)
from echocast.service.fetching.turns import HostTurns
from echocast.service.http.answer_times import seconds_to_wait, time_of_answer
from echocast.service.settings import is_loopback_host
from echocast.service.sources.errors import ImageMissing
from echocast.service.sources.listing import Call
from echocast.service.sources.source import RadarSource
from echocast.workers.runtime.machine import MIB

LIST_BYTES: Final = 32 * MIB
MOST_REDIRECTS: Final = 4
LISTS_REMEMBERED: Final = 4
TIMEOUT: Final = httpx.Timeout(20.0, connect=10.0)
CONDITIONS: Final = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
REPEATED: Final = (307, 308)  # redirects of which the method stays
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class ClientSettings:
    """What a deployment says of requests to agencies.

    Args:
        user_agent: Who asks.
        image_bytes: Largest image.
        seconds: Longest time of one request, its redirects included.
        proxy: Address of a proxy; empty: none.
        allow_private: Whether hosts may be of this machine and its network, and without TLS.
    """

    user_agent: str = "Echocast"
    image_bytes: int = 256 * MIB
    seconds: float = 120.0
    proxy: str = ""
    allow_private: bool = False
    resolve: Resolve = addresses_of
    context: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)


class AgencyClient:
    """Fetches lists and images of one source.

    Args:
        source: Whose hosts may be asked.
        settings: Limits.
        turns: Shared with clients of other sources.
        environment: Holds the source's key.
        clock: The time now, UTC.
    """

    def __init__(
        self,
        source: RadarSource,
        settings: ClientSettings,
        turns: HostTurns,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._settings = settings
        self._turns = turns
        self._key = environment.get(source.key.variable, "") if source.key else ""
        self._clock = clock
        self._deadline = Deadline()
        self._lists: OrderedDict[str, tuple[Mapping[str, str], bytes]] = OrderedDict()
        self._client = _client(settings, self._deadline)
        self.clock_ahead_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, call: Call) -> bytes:
        """The answer to a call, held in memory; a list that has not changed is not sent again.

        Raises:
            ImageMissing: It is not there, perhaps only not yet.
            FetchError: It is refused, broken, too large, or takes too long.
        """
        known = self._lists.get(call.url) if call.body is None else None
        with self._answer(call, known[0] if known else NOTHING) as answer:
            if known and answer.status_code == httpx.codes.NOT_MODIFIED:
                return known[1]
            content = b"".join(unpacked(answer, LIST_BYTES))
            self._remember(call, answer, content)
        return content

    def download(self, call: Call, path: Path) -> None:
        """Write the answer to a call to a file, which is there only as a whole.

        Raises:
            ImageMissing: It is not there, perhaps only not yet.
            FetchError: It is refused, broken, too large, or takes too long.
        """
        part = path.with_name(f"{path.name}.part")
        try:
            with self._answer(call) as answer, part.open("wb") as file:
                for chunk in limited(answer, self._settings.image_bytes):
                    file.write(chunk)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _remember(self, call: Call, answer: httpx.Response, content: bytes) -> None:
        known = {
            name: answer.headers[of] for name, of in CONDITIONS.items() if of in answer.headers
        }
        if known and call.body is None:
            self._lists[call.url] = known, content
        while len(self._lists) > LISTS_REMEMBERED:
            self._lists.popitem(last=False)

    @contextmanager
    def _answer(self, call: Call, known: Mapping[str, str] = NOTHING) -> Iterator[httpx.Response]:
        """The answer to a call behind all redirects; its body is not read yet."""
        self._deadline.begin(self._settings.seconds)
        request = self._request(call, known)
        for _ in range(MOST_REDIRECTS + 1):
            self._check(request.url)
            with self._turns.of(request.url.host), self._sent(request) as answer:
                missing = answer.status_code in self._source.fetch.missing
                if missing or not answer.has_redirect_location:
                    self._check_status(answer)
                    yield answer
                    return
                request = self._redirected(request, answer)
        raise AgencyRefuses(f"{shown(request.url)} redirects more than {MOST_REDIRECTS} times.")

    @contextmanager
    def _sent(self, request: httpx.Request) -> Iterator[httpx.Response]:
        try:
            answer = self._client.send(request, stream=True)
            try:
                yield answer
            finally:
                answer.close()
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
            raise AgencyAway(f"{shown(request.url)} does not answer: {trouble}.") from error

    def _request(self, call: Call, known: Mapping[str, str]) -> httpx.Request:
        url, headers, key = _url(call.url), dict(known), self._source.key
        if key and self._key and call.with_key and url.host == _url(self._source.fetch.url).host:
            if key.query:
                url = url.copy_merge_params({key.query: self._key})
            else:
                headers[key.header] = self._key
        body = None if call.body is None else dict(call.body)
        return self._client.build_request(
            "GET" if body is None else "POST", url, headers=headers, json=body
        )

    def _redirected(self, request: httpx.Request, answer: httpx.Response) -> httpx.Request:
        """The next request; to another host it carries no key."""
        url = _url(answer.headers["location"], request.url)
        repeated = answer.status_code in REPEATED
        key = self._source.key.header if self._source.key and url.host == request.url.host else ""
        carried = (*CONDITIONS, key, "Content-Type" if repeated else "")
        return self._client.build_request(
            request.method if repeated else "GET",
            url,
            headers={name: request.headers[name] for name in carried if name in request.headers},
            content=request.content if repeated else None,
        )

    def _check(self, url: httpx.URL) -> None:
        """Check that an address is one of the source's.

        Raises:
            AddressRefused: It is not.
        """
        open_door = self._settings.allow_private
        if url.host not in self._source.hosts:
            raise AddressRefused(
                f"{shown(url)} is none of the hosts of {self._source.name}:"
                f" {', '.join(self._source.hosts)}."
            )
        if url.scheme != "https" and not (open_door and is_loopback_host(url.host)):
            raise AddressRefused(f"{shown(url)} is not https; agencies are asked by https alone.")
        if url.port not in (None, 443) and not open_door:
            raise AddressRefused(f"{shown(url)} has a port of its own, {url.port}.")

    def _check_status(self, answer: httpx.Response) -> None:
        now = self._clock()
        sent = time_of_answer(answer.headers) or now
        self.clock_ahead_seconds = (now - sent).total_seconds()
        status = answer.status_code
        if status in self._source.fetch.missing:
            raise ImageMissing(f"{shown(answer.url)} is not there (HTTP {status}).")
        if not answer.is_success and status != httpx.codes.NOT_MODIFIED:
            raise AgencyRefuses(
                f"{answer.url.host} answers {status} {answer.reason_phrase}.",
                seconds_to_wait(answer.headers, sent),
            )


def _client(settings: ClientSettings, deadline: Deadline) -> httpx.Client:
    private = settings.allow_private or bool(
        settings.proxy
    )  # a proxy may be near, and looks up names
    backend = CheckedBackend(deadline, settings.resolve, allow_private=private)
    return httpx.Client(
        transport=CheckedTransport(backend, settings.context, settings.proxy),
        timeout=TIMEOUT,
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": settings.user_agent, "Accept-Encoding": "identity"},
    )


def _url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """An address; relative ones count from the base.

    Raises:
        AddressRefused: It is none.
    """
    try:
        return base.join(text) if base is not None else httpx.URL(text)
    except httpx.InvalidURL as error:
        raise AddressRefused(f"An address of the agency is none: {error}.") from error
