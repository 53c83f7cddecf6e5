"""Log lines: two forms, and no secret in either."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from echocast.service.auth.keys import new_key
from echocast.workers.runtime.log_lines import HIDDEN, JsonLines, TextLines
from tests.service.real_processes import FAKE_WORKER, Place, engine, eventually, place, worker
from tests.workers.conftest import name_models

SECRET = new_key("read", "me")[0]
URL = "rediss://echocast:pass-word@engine.example.org:6379/0"


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "echocast.x", "levelname": "INFO", **more})
    made.msg, made.args = message, arguments
    return made


@pytest.mark.parametrize("lines", [TextLines("gateway"), JsonLines("gateway")])
def test_neither_keys_nor_passwords_stand_in_a_line(lines: logging.Formatter) -> None:
    try:
        raise ValueError(f"{SECRET} at {URL}")
    except ValueError:
        trouble = sys.exc_info()
    facts = {"path": f"/{SECRET}", "engine": URL}
    line = lines.format(record("%s of %s", SECRET, URL, exc_info=trouble, facts=facts))
    assert SECRET not in line
    assert "pass-word" not in line
    assert HIDDEN in line
    assert "engine.example.org:6379" in line


def test_a_line_of_json_has_the_facts_as_members() -> None:
    line = json.loads(JsonLines("worker").format(record("a\nb", facts={"job": "1"})))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "role": "worker",
        "level": "INFO",
        "logger": "echocast.x",
        "message": "a\nb",
        "job": "1",
    }


def test_a_line_of_text_names_role_and_level() -> None:
    assert TextLines("worker").format(record("Ready.")).endswith(" worker INFO Ready.")


def waits_for_messages(where: Place) -> bool:
    """Whether a worker is connected to the queue."""
    store = where.store()
    try:
        return any(client["cmd"] == "brpop" for client in store.engine.redis.client_list())
    finally:
        store.close()


def test_a_worker_that_loses_the_engine_and_stops_says_only_lines_of_json(tmp_path: Path) -> None:
    models = name_models(tmp_path / "models", "fake/1")
    with place(models, log="json", stop_grace_seconds="1") as where, ExitStack() as stack:
        log = where.data / f"{FAKE_WORKER}.log"
        with engine(where):
            stack.enter_context(worker(where, FAKE_WORKER))
            eventually(lambda: waits_for_messages(where))
        eventually(lambda: "Connection to broker lost" in log.read_text())
        with engine(where):
            stack.close()
        messages = [json.loads(line)["message"] for line in log.read_text().splitlines()]
    assert any(message.startswith("The worker stops; ") for message in messages)
    assert not [message for message in messages if "Celery 6" in message]
