"""A configuration of Prometheus for ``echocast up``: our alert rules, and where to scrape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from echocast.service.errors import StartRefused

SCRAPE_SECONDS: Final = 15


def configuration(target: str, key_file: Path | None = None, url: str = "") -> str:
    """The configuration, as YAML.

    Args:
        target: ``host:port`` of the gateway, which shows the metrics of its workers too.
        key_file: Holds an API key of scope ``read``; None: the service has no keys.
        url: Where people reach the gateway, for links of alerts; empty: at the target.

    Raises:
        StartRefused: The alert rules were not installed.
    """
    key = "" if key_file is None else KEY.format(file=json.dumps(str(key_file.resolve())))
    return TEMPLATE.format(
        seconds=SCRAPE_SECONDS,
        rules=json.dumps(str(rules_folder() / "*.yml")),
        target=json.dumps(target),
        url=json.dumps(url or f"http://{target}"),
        key=key,
    )


def rules_folder() -> Path:
    """Where the alert rules lie: in the installed package, or in the checkout.

    Raises:
        StartRefused: They were not installed.
    """
    folder = Path(__file__).with_name("rules").resolve()
    if not folder.is_dir():
        raise StartRefused(
            f"The alert rules were not installed: there is no {folder}. Take those of"
            " deploy/prometheus/rules in the source tree."
        )
    return folder


TEMPLATE: Final = """\
# Prometheus for `echocast up` on this machine, written by `echocast prometheus`.
global:
  scrape_interval: {seconds}s
  evaluation_interval: {seconds}s
  external_labels: # go along with every alert
    echocast_url: {url} # runbook_url begins so

rule_files: [{rules}]

scrape_configs:
  - job_name: echocast
    scrape_timeout: 10s
    static_configs:
      - targets: [{target}]
{key}"""
KEY: Final = """\
    authorization:
      credentials_file: {file}
"""
