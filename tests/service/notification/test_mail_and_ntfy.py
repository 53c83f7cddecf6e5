"""Messages reach a mail server and what speaks as ntfy does: once per event, and not at night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.service.notification.mailbox import PASSWORD, USER, Mailbox, receiving_mail
from tests.service.notification.receiver import Receiver, receiving
from tests.service.notification.test_decision import expected, rain
from tests.service.notification.test_notifier import NOON, SENTENCE, Situation

TOPIC = "rain-at-home"
NIGHT = {"begin": "22:00", "end": "07:00"}


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with receiving_mail() as mailbox:
        yield mailbox


@pytest.fixture
def ntfy() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def mail_to(mailbox: Mailbox, password: str = PASSWORD) -> str:
    who = f"mailto://{USER}:{password}@127.0.0.1:{mailbox.port}"
    return f"{who}?smtp=127.0.0.1&mode=insecure&from=rain@service.example&to=me@house.example"


def push_to(ntfy: Receiver) -> str:
    return f"ntfy://127.0.0.1:{ntfy.port}/{TOPIC}"


def test_a_message_has_the_rule_s_name_and_the_sentence(
    tmp_path: Path, mailbox: Mailbox, ntfy: Receiver
) -> None:
    here = Situation(tmp_path, mail_to(mailbox), push_to(ntfy))
    here.round()
    ((recipients, letter),) = mailbox.letters
    assert recipients == ["me@house.example"]
    assert letter["subject"] == "home"
    assert "rain@service.example" in letter["from"]
    assert mailbox.texts == [SENTENCE]
    ((path, body),) = ntfy.messages
    assert path.strip("/") == ""
    assert (body["topic"], body["title"], body["message"]) == (TOPIC, "home", SENTENCE)


def test_an_event_that_wavers_is_sent_once_and_the_next_one_again(
    tmp_path: Path, mailbox: Mailbox, ntfy: Receiver
) -> None:
    here = Situation(tmp_path, mail_to(mailbox), push_to(ntfy), probability=0.5, pause_minutes=30)
    for chance in (0.3, 0.7, 0.4, 0.8):  # too little is no message, and ends nothing
        here.answer = expected(10, chance)
        here.round(10)
    here.answer = rain("rain")
    here.round(10)
    here.answer = rain()
    here.round(20)
    here.answer = rain("rain")  # a pause that is too short
    here.round()
    assert (mailbox.texts, ntfy.texts) == ([SENTENCE], [SENTENCE])
    here.answer = rain()
    for _ in range(4):
        here.round(10)
    here.answer = expected(20, 0.9)
    here.round()
    assert (mailbox.texts, ntfy.texts) == ([SENTENCE] * 2, [SENTENCE] * 2)


def test_at_night_nothing_is_sent_and_in_the_morning_only_what_still_is(
    tmp_path: Path, mailbox: Mailbox, ntfy: Receiver
) -> None:
    here = Situation(tmp_path, mail_to(mailbox), push_to(ntfy), quiet_hours=NIGHT, pause_minutes=60)
    here.now = NOON + timedelta(hours=11)  # 23:00 UTC
    here.round(60)
    here.answer = rain()
    here.round(60)
    here.round(60)  # over, and never sent
    here.now = NOON + timedelta(hours=18, minutes=50)  # 06:50 UTC
    here.answer = rain("rain")
    here.round(9)
    assert (mailbox.attempts, ntfy.requests) == (0, [])
    here.round(1)
    here.round(1)
    assert (mailbox.texts, ntfy.texts) == ([SENTENCE], [SENTENCE])


def test_a_mail_that_is_refused_is_sent_again_and_ntfy_hears_nothing_twice(
    tmp_path: Path, mailbox: Mailbox, ntfy: Receiver
) -> None:
    mailbox.answer = "451 Try again later"
    here = Situation(tmp_path, mail_to(mailbox), push_to(ntfy))
    here.round()
    assert (mailbox.attempts, ntfy.texts) == (1, [SENTENCE])
    mailbox.answer = "250 OK"
    here.round()
    here.round()
    assert (mailbox.texts, ntfy.texts) == ([SENTENCE], [SENTENCE])


def test_a_wrong_password_delivers_nothing_and_stands_in_no_log(
    tmp_path: Path, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    here = Situation(tmp_path, mail_to(mailbox, "xyzzy-plugh"))
    here.round()
    assert mailbox.attempts == 0
    lines = [one.getMessage() for one in caplog.records if one.name.startswith("echocast")]
    assert any("mailto://127.0.0.1/****" in line for line in lines)
    assert not any("xyzzy-plugh" in line for line in lines)
