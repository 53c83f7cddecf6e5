"""The runbook that a gateway shows, and the links of alerts that lead there."""

from __future__ import annotations

import re

import pytest
import yaml

from echocast.service.cli.main import prometheus
from echocast.service.page.runbook import RUNBOOK
from tests.service.real_processes import Gateway


def test_the_runbook_is_shown_to_everybody_with_an_anchor_for_each_heading(door: Gateway) -> None:
    answer = door.client.get("/docs/runbook")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.M)
    anchors = [heading.lower().replace(" ", "-") for heading in headings]
    assert re.findall(r'<h\d id="(.+?)">', answer.text) == anchors
    assert "<p>No worker sent a heartbeat" in answer.text


@pytest.mark.parametrize(
    ("public", "url"),
    [("", "http://127.0.0.1:8123"), ("https://radar.example.org", "https://radar.example.org")],
)
def test_a_configuration_of_prometheus_says_where_the_runbook_is(
    public: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECHOCAST_PUBLIC_URL", public)
    prometheus(port=8123)
    written = yaml.safe_load(capsys.readouterr().out)
    assert written["global"]["external_labels"] == {"echocast_url": url}
