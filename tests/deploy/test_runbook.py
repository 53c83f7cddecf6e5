"""The runbook says what to do about every answer that callers can do nothing about."""

from __future__ import annotations

import re

from echocast.service.http.problems import INTERNAL, TABLE
from tests.deploy.prometheus_files import RUNBOOK, rules

# Answers below 500 that an operator ends: a limit, a name that is not allowed, a damaged file.
OURS_BELOW_500 = {"rate-exceeded", "share-used", "unknown-host", "archive-damaged"}


def answers() -> dict[str, str]:
    """What the runbook says about each answer, by its slug."""
    section = RUNBOOK.read_text().partition("\n## Answers\n")[2]
    items = re.findall(r"^\* `([a-z-]+)`: (.+?)(?=\n\*|\Z)", section, re.M | re.S)
    assert len(items) == len(dict(items))
    return dict(items)


def test_every_answer_that_an_operator_must_act_on_is_explained() -> None:
    kinds = (*TABLE.values(), INTERNAL)
    ours = {kind.slug for kind in kinds if kind.status >= 500} | OURS_BELOW_500
    assert {kind.slug for kind in kinds} >= OURS_BELOW_500
    assert answers().keys() == ours
    assert all(len(text.split()) >= 12 for text in answers().values())


def test_alerts_that_it_names_exist() -> None:
    named = set(re.findall(r"\bEchocast[A-Z]\w+", RUNBOOK.read_text()))
    assert named == {rule["alert"] for rule in rules()}


def test_settings_that_it_names_exist() -> None:
    from echocast.service.settings import ServiceSettings

    known = {f"ECHOCAST_{name.upper()}" for name in ServiceSettings.model_fields}
    assert set(re.findall(r"ECHOCAST_[A-Z_]+", RUNBOOK.read_text())) <= known
