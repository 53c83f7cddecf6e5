"""The decoder's own function in a forked child, with its limits; what it answered and what it took.

A fork is some hundred times cheaper than a decoder of the pool, and ends as one does.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.service.decoding import child

MIB = 2**20
UNEXPECTED = "The input cannot be read: it is damaged."  # what a decoder says of other errors
REQUEST = {
    "op": "decode",
    "kind": "grid",
    "reading": {},
    "reference_time": None,
    "input_frames": 10,
}


@dataclass(frozen=True)
class Limits:
    """What a child may use, beyond what it shares with this process.

    Args:
        memory_bytes: Address space.
        seconds: CPU time, and twice as much wall time.
    """

    memory_bytes: int = 2560 * MIB
    seconds: int = 20


@dataclass(frozen=True)
class Answer:
    """What a child answered to one request, and what it took for all of them.

    Args:
        answer: As the decoder answers; empty where it ended without.
        status: Of the process, as ``wait`` gives it.
        printed: On standard error.
        cpu_seconds: CPU time.
        grown_bytes: Resident memory at its highest, beyond that at the start.
    """

    answer: Mapping[str, Any]
    status: int
    printed: str
    cpu_seconds: float
    grown_bytes: int

    @property
    def rule(self) -> str:
        """The rule that was broken; empty where the input was accepted, or nothing answered."""
        return str(self.answer.get("error", {}).get("rule", ""))

    @property
    def detail(self) -> str:
        """The message of a refusal."""
        return str(self.answer.get("error", {}).get("message", ""))

    @property
    def ended_well(self) -> bool:
        """Whether it answered, and by an error of ours where by one."""
        return self.status == 0 and bool(self.answer) and self.detail != UNEXPECTED

    @property
    def outcome(self) -> str:
        """In one word, to count by."""
        if os.WIFSIGNALED(self.status):
            return signal.Signals(os.WTERMSIG(self.status)).name
        if not self.ended_well:
            return "uncategorised"
        return self.rule or "accepted"


def answer_in_child(request: Mapping[str, Any], folder: Path, limits: Limits = Limits()) -> Answer:
    """Ask a forked child, as the pool asks a decoder.

    Args:
        request: Over the defaults of :data:`REQUEST`.
        folder: Where the child may write; what it wrote is removed.
        limits: What it may use.
    """
    (answer,) = answers_in_child([request], folder, limits)
    return answer


def answers_in_child(
    requests: Sequence[Mapping[str, Any]], folder: Path, limits: Limits = Limits()
) -> list[Answer]:
    """The same for requests that one child answers one after another."""
    start = _resident_bytes()
    with _folders(len(requests), folder) as folders:
        process = os.fork()
        if not process:
            _answer_and_end(requests, folders, limits)
        _, status, usage = os.wait4(process, 0)
        seconds = usage.ru_utime + usage.ru_stime
        grown = max(0, 1024 * usage.ru_maxrss - start)
        return [
            Answer(
                _json(where / "answer.json"), status, _text(where / "printed.txt"), seconds, grown
            )
            for where in folders
        ]


@contextmanager
def _folders(count: int, folder: Path) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        made = [Path(name) / str(number) for number in range(count)]
        for one in made:
            one.mkdir()
        yield made


def _answer_and_end(
    requests: Sequence[Mapping[str, Any]], folders: Sequence[Path], limits: Limits
) -> None:
    """In the child: never returns into what the parent was doing."""
    status = 1
    try:
        _limit(limits)
        for request, where in zip(requests, folders, strict=True):
            os.dup2(os.open(where / "printed.txt", os.O_CREAT | os.O_WRONLY, 0o600), 2)
            text = json.dumps(child.answer_to({**REQUEST, "directory": str(where), **request}))
            (where / "answer.json").write_text(text)
        status = 0
    finally:
        os._exit(status)


def _limit(limits: Limits) -> None:
    shared = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    child.limit_process(shared + limits.memory_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(2 * limits.seconds)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _json(path: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return answer


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
