"""What the memory of a container leaves to decoders, renderers and workers."""

from __future__ import annotations

import signal

import pytest

from echocast.service.errors import StartRefused
from echocast.service.processes import gateway
from echocast.service.processes.gateway import memory_plan
from echocast.service.processes.up import worker_roles
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.machine import usable_cpus
from echocast.workers.settings import WorkerSettings

MIB, GIB = 2**20, 2**30


@pytest.mark.parametrize("gib", [3, 4, 6, 8, 9.9, 10, 64])
def test_children_and_the_gateway_fit_into_the_memory(gib: float) -> None:
    settings = ServiceSettings(memory_bytes=int(gib * GIB))
    assert settings.children_bytes + GIB <= gib * GIB
    assert settings.decoder_bytes <= 2.5 * GIB
    assert settings.renderer_bytes <= 4 * GIB


def test_more_decoders_have_less_each() -> None:
    few = ServiceSettings(memory_bytes=10 * GIB)
    many = ServiceSettings(memory_bytes=10 * GIB, decode_processes=8)
    assert few.decoder_bytes == 2.5 * GIB
    assert many.decoder_bytes < few.decoder_bytes
    assert many.children_bytes + GIB <= 10 * GIB


def test_what_is_set_holds_and_what_does_not_fit_is_logged() -> None:
    fitting = ServiceSettings(memory_bytes=4 * GIB)
    assert "more than there is" not in memory_plan(fitting)
    settings = ServiceSettings(memory_bytes=4 * GIB, decode_memory_bytes=3 * GIB)
    assert settings.decoder_bytes == 3 * GIB
    assert "2 decoders of at most 3.0 GiB" in memory_plan(settings)
    assert memory_plan(settings).endswith("that is more than there is.")
    assert "more than there is" in memory_plan(ServiceSettings(memory_bytes=GIB))


def test_a_worker_has_as_many_pixels_in_work_as_fit() -> None:
    budgets = [WorkerSettings(memory_bytes=gib * GIB).pixel_budget for gib in (1, 2, 4, 64)]
    assert budgets[0] < budgets[1] < budgets[2] == budgets[3] == 40_000_000
    assert budgets[1] * 50 + 512 * MIB <= 2 * GIB
    assert WorkerSettings(memory_bytes=512 * MIB).pixel_budget == 1  # a job runs alone
    assert WorkerSettings(memory_bytes=GIB, pixels_in_work=7).pixel_budget == 7


def test_workers_of_up_share_one_half_of_the_memory() -> None:
    four = worker_roles(ServiceSettings(workers=4, memory_bytes=8 * GIB), 0)
    assert {role.settings["ECHOCAST_MEMORY_BYTES"] for role in four} == {str(GIB)}
    with pytest.raises(StartRefused, match="3 workers would have 341 MiB of memory each"):
        worker_roles(ServiceSettings(workers=3, memory_bytes=2 * GIB), 0)


def test_the_gateway_has_an_arena_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    def refused(_: ServiceSettings) -> None:
        raise StartRefused("There is no app.")

    monkeypatch.setattr(gateway, "limit_arenas", limits.append)
    monkeypatch.setattr(gateway, "set_switch_interval", lambda: None)
    monkeypatch.setattr(gateway, "create_app", refused)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(StartRefused):
        gateway.serve(ServiceSettings())
    assert limits == [usable_cpus()]
