"""What a container may use, by folders as the kernel shows them, and in a real control group."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from echocast.workers.runtime import machine
from echocast.workers.runtime.machine import GIB, Limits, control_group_limits, usable_cpus
from echocast.workers.runtime.threads import limit_libraries
from tests.patience import PATIENCE_SECONDS

NONE = Limits()
V1_UNLIMITED = 9223372036854771712


def tree(root: Path, groups: str, **files: object) -> Path:
    """A root whose process is in those groups; names of files have ``__`` for ``/``."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, content in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def test_a_container_of_v2_sees_its_own_group_as_the_top(tmp_path: Path) -> None:
    files = {"cpu_DOT_max": "150000 100000", "memory_DOT_max": 3 * GIB}
    assert control_group_limits(tree(tmp_path, "0::/\n", **files)) == Limits(1.5, 3 * GIB)


def test_without_limits_v2_says_max(tmp_path: Path) -> None:
    files = {"cpu_DOT_max": "max 100000", "memory_DOT_max": "max"}
    assert control_group_limits(tree(tmp_path, "0::/\n", **files)) == NONE


def test_the_least_limit_on_the_way_up_holds(tmp_path: Path) -> None:
    """A service of systemd whose slice has less than itself, as pods of Kubernetes may."""
    files = {
        "a_DOT_slice__cpu_DOT_max": "200000 100000",
        "a_DOT_slice__memory_DOT_max": 8 * GIB,
        "a_DOT_slice__b_DOT_service__cpu_DOT_max": "400000 100000",
        "a_DOT_slice__b_DOT_service__memory_DOT_max": 2 * GIB,
    }
    root = tree(tmp_path, "0::/a.slice/b.service\n", **files)
    assert control_group_limits(root) == Limits(2.0, 2 * GIB)


V1 = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n"


@pytest.mark.parametrize("path", ["", "docker__abc__"], ids=["within", "of the host"])
@pytest.mark.parametrize("hierarchy", ["cpu", "cpu,cpuacct"])
def test_v1_shows_either_the_own_group_or_the_path_of_the_host(
    path: str, hierarchy: str, tmp_path: Path
) -> None:
    files = {
        f"{hierarchy}__{path}cpu_DOT_cfs_quota_us": 50_000,
        f"{hierarchy}__{path}cpu_DOT_cfs_period_us": 100_000,
        f"memory__{path}memory_DOT_limit_in_bytes": 2 * GIB,
    }
    assert control_group_limits(tree(tmp_path, V1, **files)) == Limits(0.5, 2 * GIB)


def test_without_limits_v1_has_no_quota_and_more_memory_than_there_is(tmp_path: Path) -> None:
    files = {
        "cpu__cpu_DOT_cfs_quota_us": -1,
        "cpu__cpu_DOT_cfs_period_us": 100_000,
        "memory__memory_DOT_limit_in_bytes": V1_UNLIMITED,
    }
    limits = control_group_limits(tree(tmp_path, V1, **files))
    assert limits == Limits(math.inf, V1_UNLIMITED)


def test_v1_for_memory_beside_v2_for_cpus(tmp_path: Path) -> None:
    files = {"memory__memory_DOT_limit_in_bytes": GIB, "unified__cpu_DOT_max": "100000 100000"}
    assert control_group_limits(tree(tmp_path, "4:memory:/\n0::/\n", **files)) == Limits(1.0, GIB)


def test_other_systems_have_no_control_groups(tmp_path: Path) -> None:
    assert control_group_limits(tmp_path) == NONE


@pytest.mark.parametrize(
    ("quota", "visible", "usable"),
    [(math.inf, 4, 4), (2.0, 64, 2), (1.5, 64, 2), (0.2, 64, 1), (8.0, 4, 4)],
)
def test_as_many_cpus_as_the_quota_and_the_affinity_have(
    quota: float, visible: int, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "control_group_limits", lambda: Limits(cpus=quota))
    monkeypatch.setattr(os, "process_cpu_count", lambda: visible, raising=False)
    assert usable_cpus() == usable
    environment: dict[str, str] = {}
    limit_libraries(environment)
    assert environment == ({"OMP_NUM_THREADS": str(usable)} if usable < visible else {})


def test_what_an_operator_set_for_libraries_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "control_group_limits", lambda: Limits(cpus=0.5))
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    environment = {"OMP_NUM_THREADS": "3"}
    limit_libraries(environment)
    assert environment == {"OMP_NUM_THREADS": "3"}


PROGRAM = """
import json
import os
import sys

from echocast.workers.runtime.threads import limit_libraries

limit_libraries()

import cv2
import torch

from echocast.service.settings import ServiceSettings
from echocast.workers.__main__ import configure_threads
from echocast.workers.runtime.machine import machine_share

settings = ServiceSettings()
configure_threads(settings)
print(json.dumps({
    "threads": torch.get_num_threads(),
    "opencv": cv2.getNumThreads(),
    "libraries": os.environ.get("OMP_NUM_THREADS"),
    "memory": settings.usable_memory_bytes,
    "pixels": settings.pixel_budget,
    "decoder": settings.decoder_bytes,
    "children": settings.children_bytes,
    "share": machine_share(settings.usable_memory_bytes),
}))
"""


def test_a_process_in_a_real_control_group_takes_what_that_has() -> None:
    without = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    with control_group(cpus=0.8, memory_bytes=2 * GIB) as enter:
        done = subprocess.run(
            [*enter, sys.executable, "-c", PROGRAM],
            env=without,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["threads"], plan["opencv"]) == (1, 1)
    assert plan["libraries"] == ("1" if machine.visible_cpus() > 1 else None)
    assert plan["memory"] == 2 * GIB
    assert 10_000_000 < plan["pixels"] < 40_000_000
    assert plan["children"] >= 3 * 512 * 2**20
    assert plan["decoder"] < 2560 * 2**20
    assert f"1 of {os.cpu_count()} CPUs and 2.0 of" in plan["share"]


@contextmanager
def control_group(cpus: float, memory_bytes: int) -> Iterator[list[str]]:
    """A command before another that runs it in a group of v1 with these limits, gone at the end.

    The test is skipped, loudly, where the system forbids it. Groups of v2 belong to the system's
    first process, which alone may say what its children can limit.
    """
    tops = {name: Path("/sys/fs/cgroup") / name for name in ("cpu", "memory")}
    groups = {name: top / f"echocast-test-{os.getpid()}" for name, top in tops.items()}
    joins = " && ".join(f"echo $$ > {group}/cgroup.procs" for group in groups.values())
    try:
        try:
            for group in groups.values():
                group.mkdir()
            (groups["cpu"] / "cpu.cfs_period_us").write_text("100000")
            (groups["cpu"] / "cpu.cfs_quota_us").write_text(str(int(100_000 * cpus)))
            (groups["memory"] / "memory.limit_in_bytes").write_text(str(memory_bytes))
        except OSError as error:
            pytest.skip(f"NO REAL CONTROL GROUP TESTED: none can be made here ({error})")
        yield ["sh", "-ec", f'{joins} && exec "$@"', "sh"]
    finally:
        for group in groups.values():
            if group.is_dir():
                group.rmdir()
