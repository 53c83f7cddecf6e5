"""The compose files as compose reads them: with YAML's merges and the environment filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SEVERAL_HOSTS = ROOT / "deploy" / "several-hosts.yml"
EXAMPLE = ROOT / "deploy" / "environment.example"
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")


class Missing(Exception):
    """A variable that must be set is not: compose refuses to start."""


def load(path: Path = COMPOSE) -> dict[str, Any]:
    """The file as it is written."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def interpolated(value: Any, environment: Mapping[str, str]) -> Any:
    """The same with the variables replaced, and with those handed on (no value) where they are set.

    Raises:
        Missing: A variable that is required is missing or empty.
    """
    if isinstance(value, str):
        return VARIABLE.sub(lambda variable: _replaced(variable, environment), value).replace(
            "$$", "$"
        )
    if isinstance(value, list):
        return [interpolated(item, environment) for item in value]
    if isinstance(value, dict):
        given = {k: environment.get(k) if v is None else v for k, v in value.items()}
        return {k: interpolated(v, environment) for k, v in given.items()}
    return value


def _replaced(variable: re.Match[str], environment: Mapping[str, str]) -> str:
    name, kind, text = variable["name"], variable["kind"], variable["text"]
    if environment.get(name):
        return environment[name]
    if kind == "-":
        return text
    raise Missing(name)


def variables(path: Path) -> list[re.Match[str]]:
    """Every variable a file asks the environment for."""
    return list(VARIABLE.finditer(path.read_text()))


def handed_on(content: dict[str, Any]) -> set[str]:
    """Variables of containers that are handed on where they are set."""
    return {
        name
        for service in content["services"].values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }


def example() -> dict[str, str]:
    """Names and values of the example, those in comments too."""
    lines = [line.removeprefix("#") for line in EXAMPLE.read_text().splitlines()]
    pairs = [line.partition("=")[::2] for line in lines if re.match(r"[A-Z_]+=", line)]
    return dict(pairs)
