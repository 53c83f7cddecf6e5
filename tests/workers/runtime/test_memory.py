"""Freed memory does not stay with the process."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from echocast.model.frames import Frames
from echocast.model.synthetic.storms import storm
from echocast.workers.runtime.memory import resident_bytes
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import World

SMALL = "tests.workers.worker_with_small_network"
SIDE = 600
PLANES = (
    108  # of float32, at most; 94 were measured twice, 29 more where the whole forecast was held
)

PROGRAM = """
import numpy as np
from echocast.workers.runtime.memory import MallocTrimmer, resident_bytes
trimmer = MallocTrimmer(slack_bytes=16 * 2**20)
before = resident_bytes()
np.ones(2**21)  # freed at once: from now on the C library keeps arrays of up to 16 MB
arrays = [np.ones(2**17) for _ in range(100)]
pin = arrays.pop()  # above all others: a smaller one may lie in a hole below them
del arrays
grown = resident_bytes() - before
trimmer.trim()
print(grown // 2**20, (resident_bytes() - before) // 2**20)
"""

THREADS, ARENAS = 12, 2
MANY_THREADS = f"""
import ctypes, os, sys, tempfile, threading
from echocast.workers.runtime.memory import limit_arenas

if sys.argv[1] == "limited":
    limit_arenas({ARENAS})
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
all_there = threading.Barrier({THREADS})

def hold():
    held = libc.malloc(1000)
    all_there.wait()
    libc.free(held)

threads = [threading.Thread(target=hold) for _ in range({THREADS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes, libc.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
with tempfile.NamedTemporaryFile() as file:
    stream = libc.fdopen(os.dup(file.fileno()), b"w")
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(open(file.name).read().count("<heap "))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has arenas")
def test_threads_share_as_many_arenas_as_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", f"glibc.malloc.arena_max={THREADS}")  # on one CPU, too
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert arenas("limited") == ARENAS
    assert arenas("not limited") > ARENAS


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has arenas")
def test_whoever_limits_arenas_by_the_environment_goes_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "3")
    assert arenas("limited") == 3


def arenas(limited: str) -> int:
    command = [sys.executable, "-c", MANY_THREADS, limited]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps freed memory like this")
def test_freed_memory_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    grown, left = map(int, done.stdout.split())
    assert grown >= 64
    assert left <= 24


def test_this_process_is_resident() -> None:
    assert resident_bytes() > 10 * 2**20


@pytest.mark.timeout(5 * PATIENCE_SECONDS)
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told in other units")
def test_a_worker_takes_few_bytes_a_pixel(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1048576")  # what is freed goes back at once
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")  # however threads take turns beside other work
    process = Path(f"/proc/{world.start_worker(SMALL).pid}")
    drawn = storm(4, frames=20, height=200, width=200)
    assert world.end_of(world.submit(drawn[:10]).job.id).status == "succeeded"
    large = np.tile(drawn.reflectivity_dbz, (1, SIDE // 200, SIDE // 200))
    frames = Frames.of_array(large, step_minutes=5, km_per_pixel=1.0)
    observed = world.archive.put_frames(frames[10:])
    (process / "clear_refs").write_text("5")
    before = status_bytes(process, "VmHWM")
    job = world.end_of(
        world.submit(frames[:10], observation_sha=observed).job.id, 2 * PATIENCE_SECONDS
    )
    assert (job.status, job.verified) == ("succeeded", 1)
    assert status_bytes(process, "VmHWM") - before < PLANES * 4 * SIDE**2


def status_bytes(process: Path, name: str) -> int:
    match = re.search(rf"{name}:\s+(\d+)", (process / "status").read_text())
    assert match
    return 1024 * int(match[1])
