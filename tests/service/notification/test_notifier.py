"""Messages to a real receiver by apprise: once per event, at least once across restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.model.errors import ContractViolation
from echocast.service.errors import RuleConflict, StartRefused
from echocast.service.notification.addresses import allowed_hosts, masked, target
from echocast.service.notification.notifier import Notifier
from echocast.service.notification.rules import RuleFiles
from echocast.service.notification.schemas import Rule, RuleDeclaration
from echocast.service.processes import notifier
from echocast.service.processes.up import notifier_roles
from echocast.service.settings import ServiceSettings
from tests.service.notification.receiver import Receiver, receiving
from tests.service.notification.test_decision import expected, rain

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LOOPBACK = frozenset({"127.0.0.1"})
SENTENCE = "Rain of 1 mm/h or more from 12:10 UTC."


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Situation:
    """A notifier whose clock and whose service a test drives; each round is a new process."""

    def __init__(self, folder: Path, *addresses: str, **changes: Any) -> None:
        self.files = RuleFiles(folder)
        self.now = NOON
        self.answer: dict[str, Any] | None = expected(10)
        self.asked: list[httpx.URL] = []
        place = {"stream": "radar", "latitude": 47.05, "longitude": 8.31, "threshold_mm_h": 1.0}
        declared = RuleDeclaration(**{**place, "send_to": [*addresses], **changes})
        self.rule = Rule(name="home", owner="", declared=declared)
        self.files.put(self.rule)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        if self.answer is None:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(200, json={**self.answer, "sentence": SENTENCE})

    def round(self, minutes: float = 1) -> None:
        async def once() -> None:
            transport = httpx.MockTransport(self._respond)
            async with httpx.AsyncClient(base_url="http://service", transport=transport) as client:
                await Notifier(self.files, client, LOOPBACK, 30, lambda: self.now).follow_all()

        asyncio.run(once())
        self.now += timedelta(minutes=minutes)


def address(receiver: Receiver, path: str = "secret-path") -> str:
    return f"json://127.0.0.1:{receiver.port}/{path}"


def test_a_message_arrives_once_per_event(tmp_path: Path, receiver: Receiver) -> None:
    here = Situation(tmp_path, address(receiver), language="en", time_zone="Europe/Zurich")
    for _ in range(3):
        here.round()
    ((path, body),) = receiver.messages
    assert (path, body["title"], body["message"]) == ("/secret-path", "home", SENTENCE)
    asked = here.asked[0]
    assert asked.path == "/streams/radar/rain"
    words = {"threshold_mm_h": "1.0", "lang": "en", "tz": "Europe/Zurich"}
    assert dict(asked.params) == {"lat": "47.05", "lon": "8.31", **words}
    here.answer = rain()
    for _ in range(62):
        here.round()
    here.answer = expected(20)
    here.round()
    assert receiver.texts == [SENTENCE, SENTENCE]


def test_nothing_is_sent_while_images_are_late_or_nobody_answers(
    tmp_path: Path, receiver: Receiver
) -> None:
    here = Situation(tmp_path, address(receiver), after_outage=True)
    here.answer = rain()
    here.round()
    here.answer = expected(10, stale=True)
    here.round(20)
    here.answer = None
    here.round(20)
    assert receiver.requests == []
    here.answer = expected(10)
    here.round()
    here.round()
    assert receiver.texts == [f"Nothing was known for 41 min. {SENTENCE}"]


def test_what_is_not_accepted_is_sent_again_to_those_alone_who_lack_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    with receiving() as broken:
        broken.status = 503
        here = Situation(tmp_path, address(receiver), address(broken))
        here.round()
        assert (len(receiver.messages), len(broken.requests)) == (1, 1)
        broken.status = 200
        here.round()
        here.round()
        assert (receiver.texts, broken.texts) == ([SENTENCE], [SENTENCE])


def test_a_message_that_nobody_accepts_is_given_up_after_half_an_hour(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.status = 503
    here = Situation(tmp_path, address(receiver))
    for _ in range(4):
        here.round(10)
    assert len(receiver.requests) == 3


def test_a_process_that_dies_while_it_sends_sends_again(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Situation(tmp_path, address(receiver, "a"), address(receiver, "b"))
    remember = RuleFiles.remember
    written = []

    def dies(files: RuleFiles, rule: Rule, memory: Any) -> None:
        written.append(memory)
        if len(written) == 2:  # the first address has the message, which is not written yet
            raise KeyboardInterrupt
        remember(files, rule, memory)

    with monkeypatch.context() as patched:
        patched.setattr(RuleFiles, "remember", dies)
        with pytest.raises(KeyboardInterrupt):
            here.round()
    assert [path for path, _ in receiver.messages] == ["/a"]
    for _ in range(3):
        here.round()
    assert [path for path, _ in receiver.messages] == ["/a", "/a", "/b"]


def test_what_cannot_be_remembered_is_not_sent(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Situation(tmp_path, address(receiver))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(RuleFiles, "remember", full)
        here.round()
    assert receiver.requests == []
    here.round()
    assert receiver.texts == [SENTENCE]


def test_a_rule_that_is_changed_begins_anew_and_one_that_is_deleted_is_forgotten(
    tmp_path: Path, receiver: Receiver
) -> None:
    here = Situation(tmp_path, address(receiver))
    here.round()
    changed = here.rule.declared.model_copy(update={"within_minutes": 20})
    here.files.put(here.rule.model_copy(update={"declared": changed}))
    here.round()
    assert len(receiver.messages) == 2
    here.files.delete("home")
    here.round()
    assert not [*here.files.memories.iterdir()]
    assert len(receiver.messages) == 2


def test_a_damaged_file_stops_no_other_rule(tmp_path: Path, receiver: Receiver) -> None:
    here = Situation(tmp_path, address(receiver))
    (tmp_path / "before.json").write_text("{")
    here.files.memories.mkdir()
    (here.files.memories / "home.json").write_text("[]")
    here.round()
    assert receiver.texts == [SENTENCE]


def test_no_redirection_is_followed_and_no_secret_logged(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as elsewhere, caplog.at_level(logging.WARNING):
        receiver.status, receiver.location = 307, f"http://127.0.0.1:{elsewhere.port}/"
        here = Situation(tmp_path, address(receiver))
        here.round()
        assert receiver.requests == ["/secret-path"]
        assert elsewhere.requests == []
    assert "json://127.0.0.1/****" in caplog.text
    assert "secret" not in "".join(r.getMessage() for r in caplog.records if r.name[:4] == "echo")


def test_an_address_whose_host_is_allowed_no_longer_gets_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    here = Situation(tmp_path, f"json://localhost:{receiver.port}")
    here.round()
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("jsons://elsewhere.example/a", "'elsewhere.example'"),
        ("ntfys://topic-at-the-public-server", "needs a host"),
        ("mailto://me:word@gmail.com", "'smtp.gmail.com'"),
        ("mailto://me:word@mail.example?smtp=10.0.0.1", "'10.0.0.1'"),
        ("mailto://me:word@mail.example?pgp=yes", "not 'pgp'"),
        ("json://mail.example?redirect=yes", "not 'redirect'"),
        ("json://mail.example?retry=9", "not 'retry'"),
        ("json://mail.example?a=1;redirect=yes", "not 'a'"),
        ("json://", "none that apprise can send to"),
        ("json://mail.example/****", "is masked"),
        ("syslog://", "the kinds"),
        ("macosx://", "the kinds"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "the kinds"),
        ("https://mail.example/hook", "the kinds"),
        ("secret", "the kinds"),
    ],
)
def test_addresses_that_are_refused_and_why(given: str, sentence: str) -> None:
    with pytest.raises(ContractViolation) as refused:
        target(given, frozenset({"mail.example"}))
    assert sentence in str(refused.value)
    assert not [word for word in ("word", "topic-at", "abcdefg") if word in str(refused.value)]


@pytest.mark.parametrize(
    "given",
    [
        "mailtos://me:word@mail.example?to=you@there.example&name=Rain",
        "ntfys://tk_token@mail.example/topic?priority=high",
        "gotify://mail.example:8080/token",
        "hassio://mail.example/token",
        "jsons://me:word@MAIL.example/path?+X-Key=token&:room=1",
    ],
)
def test_addresses_that_are_allowed_and_what_is_shown_of_them(given: str) -> None:
    place = target(given, frozenset({"mail.example"}))
    assert place.redirects is False
    scheme = given.partition(":")[0]
    assert masked(given) == f"{scheme}://mail.example/****"


def test_an_owner_has_so_many_rules(tmp_path: Path) -> None:
    here = Situation(tmp_path, "json://127.0.0.1")
    others = here.rule.model_copy(update={"owner": "anna"})
    for number in range(50):
        assert here.files.put(others.model_copy(update={"name": f"r{number}"}))
    with pytest.raises(ContractViolation, match="at most 50"):
        here.files.put(others.model_copy(update={"name": "more"}))
    assert not here.files.put(others.model_copy(update={"name": "r49"}))
    with pytest.raises(RuleConflict):
        here.files.put(others)  # "home", of another owner


def test_hosts_of_the_setting() -> None:
    assert allowed_hosts(" Ntfy.example , 127.0.0.1,") == {"ntfy.example", "127.0.0.1"}
    assert allowed_hosts("") == frozenset()
    for wrong in ("https://ntfy.example", "*.example", "a b"):
        with pytest.raises(StartRefused):
            allowed_hosts(wrong)


def test_a_service_sends_where_hosts_are_allowed() -> None:
    assert notifier_roles(ServiceSettings()) == []
    (role,) = notifier_roles(ServiceSettings(notify_hosts="ntfy.example"))
    assert role.module == notifier.__name__
    with pytest.raises(StartRefused):
        notifier_roles(ServiceSettings(notify_hosts="https://ntfy.example"))
