"""Serving: which model a worker should serve by the registry, looked at every few seconds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from echocast.model.errors import ModelError, RegistryError
from echocast.model.registry.registry import CHAMPION, Registry
from echocast.workers.inference.model_cache import LoadedNetworks
from echocast.workers.metrics import WorkerMetrics

log = logging.getLogger("echocast.serving")


def open_registry(root: Path, who: str) -> Registry:
    """The registry; at the first start the shipped models are taken over.

    Where its folder can't be written the shipped models serve, and the log says so.
    """
    registry = Registry(root)
    try:
        registry.take_over(who)
    except (RegistryError, OSError) as error:
        log.warning("The models are only read, and nothing can be promoted: %s", error)
    return registry


def candidates(registry: Registry) -> list[str]:
    """What may serve first: the champion; and where it is refused, the one before it.

    Raises:
        ModelError: There is no champion.
    """
    champion = registry.reader.reference(CHAMPION)
    previous = registry.reader.roles().previous
    return [champion, previous] if previous else [champion]


class ServingWatch:
    """Lets a worker's networks follow the registry's champion.

    A look costs the listing of one folder and a small file.

    Args:
        registry: Where the aliases are.
        networks: What follows.
        metrics: Hear what serves.
    """

    def __init__(
        self, registry: Registry, networks: LoadedNetworks, metrics: WorkerMetrics
    ) -> None:
        self._registry = registry
        self._networks = networks
        self._metrics = metrics
        self._told: set[tuple[str, str, str]] = set()
        self._problem = ""

    def look(self) -> None:
        """Follow the champion of now; let go of what nobody wants; tell what serves."""
        aliases = self._aliases()
        if CHAMPION in aliases:
            self._networks.follow(aliases[CHAMPION])
        self._networks.tidy()
        self._tell(aliases)

    def _aliases(self) -> Mapping[str, str]:
        """Empty where they can't be read: what serves goes on; each problem is logged once."""
        problem = ""
        aliases: Mapping[str, str] = {}
        try:
            aliases = self._registry.reader.roles().by_role
        except (ModelError, OSError) as error:
            problem = str(error)
        if problem and problem != self._problem:
            log.error("%s goes on serving: %s", self._networks.champion, problem)
        self._problem = problem
        return aliases

    def _tell(self, aliases: Mapping[str, str]) -> None:
        loaded = self._networks.names
        roles = {role: at for role, at in aliases.items() if at in loaded}
        roles[CHAMPION] = self._networks.champion
        now = {(role, *_parts(at)) for role, at in roles.items()}
        for labels in self._told - now:
            self._metrics.models.remove(*labels)
        for labels in now:
            self._metrics.models.labels(*labels).set(1)
        self._told = now


def _parts(reference: str) -> tuple[str, str]:
    name, _, version = reference.partition("/")
    return name, version
