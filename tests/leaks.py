"""A pytest plugin: each test, module and session leaves its process as it was.

Three autouse fixtures compare the process before and after their scope. What a fixture of a wider
scope starts or changes while it is set up belongs to that scope, and is checked at its end.
Filters of warnings are not among it: pytest itself restores them after each test.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

GRACE_SECONDS = 30.0  # for threads and processes that were asked to end, on a busy machine
SCOPES = ("function", "class", "module", "package", "session")
ENDING = ("thread", "child process")  # kinds that may end by themselves
# Threads that stay by design, for the whole process, by the beginning of their names: the network's
# pools, and the event loops of fsspec and zarr with their default executors.
PROCESS_WIDE_THREADS = ("part-of-a-batch", "fast-steps", "fsspecIO", "zarr_io", "asyncio_")
# Variables that pytest sets for each test, torch at its first compilation, and rasterio, OpenCV and
# netCDF4 as they are imported.
FOREIGN_VARIABLES = (
    "PYTEST_CURRENT_TEST",
    "TORCHINDUCTOR_CACHE_DIR",
    "GDAL_CURL_CA_BUNDLE",
    "PROJ_CURL_CA_BUNDLE",
    "LD_LIBRARY_PATH",
    "HDF5_PLUGIN_PATH",
)
PYTEST_SIGNALS = (signal.SIGALRM,)  # pytest-timeout's
DATA_FOLDER = Path.cwd() / "echocast-data"  # the default: a test has one of its own
LIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
SIGNALS = sorted(set(signal.Signals) - set(PYTEST_SIGNALS))

Key = tuple[str, Any]  # kind and identity
State = dict[Key, Any]
Changes = dict[Key, tuple[Any, Any]]  # before and after; None: absent


def snapshot() -> State:
    """What a test could leave behind in this process."""
    return {
        ("working folder", "path"): working_folder(),
        ("data folder", DATA_FOLDER.name): DATA_FOLDER.exists(),
        ("umask", "mode"): umask(),
        **{("thread", thread): thread.name for thread in threading.enumerate()},
        **{("child process", pid): pid for pid in children()},
        **{("environment variable", name): value for name, value in os.environ.items()},
        **{("limit", name): resource.getrlimit(number) for name, number in LIMITS.items()},
        **{("signal handler", number): signal.getsignal(number) for number in SIGNALS},
    }


def working_folder() -> str | None:
    """None: it was removed."""
    try:
        return os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return None


def umask() -> int:
    """There is no way to read it but to set it."""
    mode = os.umask(0o022)
    os.umask(mode)
    return mode


def children() -> set[int]:
    """Ids of child processes, also of those that ended and were not waited for."""
    if not has_children():
        return set()
    try:
        pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208
    except FileNotFoundError:  # not Linux: some child, whichever
        return {-1}
    STRANGERS.intersection_update(pids)
    ours = {pid for pid in pids - STRANGERS if parent(pid) == os.getpid()}
    STRANGERS.update(pids - ours)
    return ours


STRANGERS: set[int] = set()  # processes that are no children: to read each once is enough


def has_children() -> bool:
    """Ask the kernel, without waiting for any of them."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def parent(pid: int) -> int | None:
    """None: the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1])


def changes(before: State, after: State) -> Changes:
    """What is new, different or gone; what ends by itself may be gone."""
    keys = after.keys() | {key for key in before if key[0] not in ENDING}
    pairs = {key: (before.get(key), after.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1] and not allowed(key)}


def allowed(key: Key) -> bool:
    """What pytest and torch set themselves, and the pools that a process keeps."""
    kind, identity = key
    if kind == "thread":
        return bool(identity.name.startswith(PROCESS_WIDE_THREADS))
    return kind == "environment variable" and identity in FOREIGN_VARIABLES


class Watch:
    """The process as it was when a scope began."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.before = snapshot()

    def leaks(self) -> Changes:
        """What changed since, after a short grace for what is ending."""
        give_up = time.monotonic() + GRACE_SECONDS
        while left := changes(self.before, snapshot()):
            ending = all(kind in ENDING for kind, _ in left)
            if not ending or time.monotonic() > give_up:
                break
            time.sleep(0.01)
        return left

    def accept(self, accepted: Changes) -> None:
        """What another scope answers for."""
        self.before.update({key: after for key, (_, after) in accepted.items()})


WATCHES: list[Watch] = []  # of the scopes that have begun, the widest first


def watched(scope: str) -> Iterator[None]:
    """Fail at the end of a scope that leaves something; wider scopes don't report it again."""
    watch = Watch(scope)
    WATCHES.append(watch)
    yield
    WATCHES.remove(watch)
    if left := watch.leaks():
        for wider in WATCHES:
            wider.accept(left)
        pytest.fail(f"This {scope} leaves: {'; '.join(map(described, left.items()))}", False)


def described(change: tuple[Key, tuple[Any, Any]]) -> str:
    """One change, in words."""
    (kind, identity), (before, after) = change
    if kind == "thread":
        return f"thread {identity!r}"
    if kind == "child process":
        return f"child process {identity}: {command_line(identity)}"
    return f"{kind} {identity} was {before!r} and is {after!r}"


def command_line(pid: int) -> str:
    """Arguments of a process; nothing where it ended or can't be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")[:300]
    except OSError:
        return ""


@pytest.fixture(scope="session", autouse=True)
def session_leaves_nothing() -> Iterator[None]:
    yield from watched("session")


@pytest.fixture(scope="module", autouse=True)
def module_leaves_nothing() -> Iterator[None]:
    yield from watched("module")


@pytest.fixture(autouse=True)
def function_leaves_nothing() -> Iterator[None]:
    yield from watched("function")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    """What a fixture of a wider scope starts is no leak of a narrower one."""
    with belonging_to(fixturedef.scope):
        return (yield)


@contextmanager
def belonging_to(scope: str) -> Iterator[None]:
    """What is started or changed here is checked at the end of this scope.

    For tests that start anew what a fixture of a wider scope had started, and will end.
    """
    width = SCOPES.index(scope)
    narrower = [watch for watch in WATCHES if SCOPES.index(watch.scope) < width]
    before = snapshot() if narrower else {}
    try:
        yield
    finally:
        started = changes(before, snapshot()) if narrower else {}
        for watch in narrower:
            watch.accept(started)
