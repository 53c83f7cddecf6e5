"""What the server of the gateway does when it begins."""

from __future__ import annotations

import asyncio
import gc

import uvicorn
from starlette.applications import Starlette

from echocast.service.processes.gateway import DrainingServer
from echocast.service.processes.listening import bound_socket


def test_what_is_there_at_the_start_is_never_searched_for_garbage() -> None:
    server = DrainingServer(uvicorn.Config(Starlette(), log_config=None), lambda: None, 0.0)

    async def begin_and_end() -> int:
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        listener = bound_socket("127.0.0.1", 0)
        await server.startup([listener])
        frozen = gc.get_freeze_count()
        await server.shutdown([listener])
        return frozen

    assert gc.get_freeze_count() == 0
    try:
        assert asyncio.run(begin_and_end()) > 0
    finally:
        gc.unfreeze()
