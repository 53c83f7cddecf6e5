"""Scrapes of `/metrics` with the times at which they were made, as a Prometheus would have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.prometheus_files import rules

TARGET = '{instance="gateway:8000",job="echocast"}'
UP = f"up{TARGET}"


def names_in_rules() -> set[str]:
    """Every metric that a rule looks at."""
    text = " ".join(rule["expr"] for rule in rules())
    return set(re.findall(r"\bechocast_\w+", text))


class Scrapes:
    """What was scraped, of what the rules look at.

    Args:
        path: A file that grows, one sample a line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.times: list[datetime] = []
        self._names = names_in_rules()
        path.write_text("")

    def add(self, time: datetime, text: str | None) -> None:
        """A scrape; None: there was no answer."""
        at = f"{time.timestamp():.3f}"
        lines = [f"{UP} {float(text is not None)} {at}"]
        if text is not None:
            lines += [f"{sample} {at}" for sample in self._samples(text)]
        with self.path.open("a") as file:
            file.write("\n".join(lines) + "\n")
        self.times.append(time)

    def _samples(self, text: str) -> Iterator[str]:
        lines = [line for line in text.splitlines() if self._is_looked_at(line)]
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for one in family.samples:
                labels = {**one.labels, "instance": "gateway:8000", "job": "echocast"}
                pairs = ",".join(f'{name}="{labels[name]}"' for name in sorted(labels))
                yield f"{one.name}{{{pairs}}} {one.value!r}"

    def _is_looked_at(self, line: str) -> bool:
        name = re.match(r"\w+", line.removeprefix("# TYPE ").removeprefix("# HELP "))
        return bool(name) and (name[0] in self._names or f"{name[0]}_total" in self._names)

    def write_openmetrics(self, path: Path) -> None:
        """All samples, those of a name together and each series in the order of its times."""
        series: dict[str, list[str]] = {}
        with self.path.open() as file:
            for line in file:
                key, _, rest = line.rstrip().partition("} ")
                series.setdefault(key + "}", []).append(rest)
        names = sorted({key.partition("{")[0] for key in series})
        with path.open("w") as file:
            for name in names:
                kind = "counter" if name.endswith("_total") else "gauge"
                file.write(f"# TYPE {name.removesuffix('_total')} {kind}\n")
                for key in (key for key in series if key.partition("{")[0] == name):
                    file.writelines(f"{key} {rest}\n" for rest in series[key])
            file.write("# EOF\n")
