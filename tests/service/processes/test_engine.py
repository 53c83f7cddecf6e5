"""The process of the embedded engine."""

from __future__ import annotations

from pathlib import Path

from tests.service.real_processes import engine_process, place


def test_its_data_may_take_the_memory_that_is_set(models: Path) -> None:
    with place(models, engine_memory_bytes="100000000") as where, engine_process(where):
        store = where.store()
        assert store.engine.redis.config_get("maxmemory") == {"maxmemory": "100000000"}
        store.close()
