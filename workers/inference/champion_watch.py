"""The champion of the registry, which every worker reads every few seconds and serves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from echocast.model.errors import ModelError, RegistryError
from echocast.model.registry.registry import Registry
from echocast.model.registry.roles import CHAMPION
from echocast.workers.inference.model_cache import ModelCache
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


def startup_models(registry: Registry) -> list[str]:
    """The models that may serve first: the champion, and where it is refused, the one before it.

    Raises:
        ModelError: There is no champion.
    """
    champion = registry.reader.reference(CHAMPION)
    previous = registry.reader.roles().previous
    return [champion, previous] if previous else [champion]


class ChampionWatch:
    """Lets a worker's model cache follow the registry's champion.

    An update costs the listing of one folder and a small file.

    Args:
        registry: Where the aliases are.
        models: Gets the champion.
        metrics: Show which models are loaded, with their roles.
    """

    def __init__(self, registry: Registry, models: ModelCache, metrics: WorkerMetrics) -> None:
        self._registry = registry
        self._models = models
        self._metrics = metrics
        self._exported: set[tuple[str, str, str]] = set()
        self._problem = ""

    def update(self) -> None:
        """Load the champion of now, remove unused models, and export what serves."""
        aliases = self._aliases()
        if CHAMPION in aliases:
            self._models.set_champion(aliases[CHAMPION])
        self._models.evict_unused()
        self._export(aliases)

    def _aliases(self) -> Mapping[str, str]:
        """Empty where they can't be read: what serves goes on; each problem is logged once."""
        problem = ""
        aliases: Mapping[str, str] = {}
        try:
            aliases = self._registry.reader.roles().by_role
        except (ModelError, OSError) as error:
            problem = str(error)
        if problem and problem != self._problem:
            log.error("%s goes on serving: %s", self._models.champion, problem)
        self._problem = problem
        return aliases

    def _export(self, aliases: Mapping[str, str]) -> None:
        loaded = self._models.names
        roles = {role: at for role, at in aliases.items() if at in loaded}
        roles[CHAMPION] = self._models.champion
        current = {(role, *_parts(at)) for role, at in roles.items()}
        for labels in self._exported - current:
            self._metrics.models.remove(*labels)
        for labels in current:
            self._metrics.models.labels(*labels).set(1)
        self._exported = current


def _parts(reference: str) -> tuple[str, str]:
    name, _, version = reference.partition("/")
    return name, version
