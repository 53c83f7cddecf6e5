"""RegistryCollector: which model serves since when, and what was changed, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from echocast.model.errors import ModelError
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.roles import Roles

CHANGE_KINDS = ("start", "promote", "rollback", "alias", "retrain")


class RegistryCollector(Collector):
    """Reads the registry when Prometheus asks; what can't be read is left out."""

    def __init__(self, registry: RegistryReader) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The champion's beginning, and how many entries of each kind the history has."""
        since = GaugeMetricFamily(
            "echocast_registry_champion_since_timestamp_seconds",
            "When the model that serves began to.",
            labels=("name", "version"),
        )
        try:
            roles = self._registry.roles()
        except (ModelError, OSError):
            roles = Roles({})
        if roles.champion_since is not None:
            name, _, version = roles.champion.partition("/")
            since.add_metric((name, version), roles.champion_since.timestamp())
        yield since
        entries = GaugeMetricFamily(
            "echocast_registry_history_entries",
            "Entries of the registry's history, by what was done.",
            labels=("what",),
        )
        counts = {**dict.fromkeys(CHANGE_KINDS, 0), **self._registry.history_counts()}
        for what, count in counts.items():
            entries.add_metric((what,), count)
        yield entries
