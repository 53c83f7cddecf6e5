"""A gateway that is asked to stop: not ready first, then the waiters' answers, then the rest."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from echocast.service.decoding.uploads import NAMELESS
from tests.service.bodies import is_problem, other_storm, post
from tests.service.processes.test_up import children
from tests.service.real_processes import engine, eventually, gateway, place, pretend_worker

WAITERS = 10
LONG_DRAIN = "tests.service.processes.gateway_with_long_drain"


def test_who_waits_learns_the_id_when_the_gateway_stops(models: Path) -> None:
    """The worker is pretended: nobody would be answered otherwise."""
    with place(models) as where, engine(where):
        pretend_worker(where)
        with (
            gateway(where, module=LONG_DRAIN) as gate,
            ThreadPoolExecutor(WAITERS) as pool,
        ):
            answers = [
                pool.submit(post, gate.client, other_storm(200 + n), Prefer="wait=30")
                for n in range(WAITERS)
            ]
            store = where.store()
            eventually(lambda: store.queue_depth() == WAITERS)
            gate.process.terminate()
            eventually(lambda: gate.client.get("/readyz").status_code == 503)
            is_problem(gate.client.get("/readyz"), 503, "stopping")
            assert gate.client.get("/healthz").status_code == 200
            assert [answer.result().status_code for answer in answers] == [202] * WAITERS
            ids = {answer.result().json()["id"] for answer in answers}
            assert len(ids) == WAITERS
            assert all(store.get(name).status == "queued" for name in ids)  # type: ignore[union-attr]
            store.close()
            gate.process.send_signal(signal.SIGINT)


def test_what_is_not_done_in_time_is_answered_when_the_gateway_stops(models: Path) -> None:
    """The decoders are stopped: the upload is not read before the gateway ends."""
    with place(models) as where, engine(where):
        pretend_worker(where)
        with (
            gateway(where, decode_processes="1") as gate,
            ThreadPoolExecutor(1) as pool,
        ):
            is_problem(post(gate.client, b"junk"), 400, "unreadable-input")
            for decoder in children(gate.process.pid, "decoding.child decode"):
                os.kill(decoder, signal.SIGSTOP)
            answer = pool.submit(post, gate.client, b"junk")
            eventually(lambda: list(where.data.rglob(NAMELESS)))
            gate.process.terminate()
            is_problem(answer.result(), 503, "stopping")
