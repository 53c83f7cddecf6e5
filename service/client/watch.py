"""Watching: feed the radar files of a directory into a stream as they appear.

A file is read once it has been left alone for a moment. One that cannot be read counts as half
written, and is tried again whenever it changes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from echocast.model.errors import EchocastError
from echocast.service.client.errors import FrameRefused, ServiceAway
from echocast.service.client.feed import Declared, Feeder
from echocast.service.client.ledger import Ledger, file_identity
from echocast.workers.errors import shortage_of

QUIET_SECONDS = 1.0  # a file that changed later than that may still be written to
LOOK_AGAIN_SECONDS = 5.0  # where the system reports no change
FUTURE = "future"  # a frame that is refused now, but not later
PAUSED = "stream-paused"  # likewise
IGNORED = (".part", ".tmp", ".partial", ".crdownload")

Say = Callable[[str], None]


class Watcher:
    """Feeds each file once.

    Args:
        feeder: Sends frames.
        ledger: Remembers what is done.
        directory: What to look at.
        say: Prints what happens.
        quiet_seconds: How long a file must have been left alone.
        stream: As declared.
    """

    def __init__(
        self,
        feeder: Feeder,
        ledger: Ledger,
        directory: Path,
        say: Say,
        quiet_seconds: float = QUIET_SECONDS,
        stream: Declared = Declared(),  # noqa: B008
    ) -> None:
        self._feeder = feeder
        self._ledger = ledger
        self._directory = directory
        self._say = say
        self._quiet = quiet_seconds
        self._stream = stream
        self._refused: set[str] = set()
        self._waits = ""

    def run(self, stop: threading.Event) -> None:
        """Feed what is there and what comes, until ``stop`` is set."""
        from watchfiles import watch

        self.feed_all()
        changes = watch(
            self._directory,
            stop_event=stop,
            recursive=False,
            rust_timeout=int(1000 * min(LOOK_AGAIN_SECONDS, max(self._quiet, 0.05))),
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        for _ in changes:
            self.feed_all()

    def feed_all(self) -> int:
        """Feed every file that is whole and not done; how many were done."""
        return sum(self._feed(path) for path in self._whole_files())

    def _whole_files(self) -> Iterator[Path]:
        for path in sorted(self._directory.iterdir()):
            with suppress(FileNotFoundError):
                if not path.is_file() or path.name.startswith(".") or path.suffix in IGNORED:
                    continue
                quiet = time.time() - path.stat().st_mtime
                # A clock that was moved back must not make a file wait for ever.
                if not 0 <= quiet < self._quiet and not self._ledger.knows(path):
                    yield path

    def _feed(self, path: Path) -> bool:
        try:
            identity = file_identity(path)
            if identity in self._refused:
                return False
            sent = self._send(path)
        except FrameRefused as error:
            if error.rule == FUTURE:
                return False
            if error.rule == PAUSED:
                self._wait(str(error))
                return False
            self._say(f"{path.name} is refused: {error}")
            self._refused.add(identity)
            return False
        except ServiceAway as error:
            self._say(f"{path.name} waits: {error}")
            return False
        except (EchocastError, OSError) as error:
            self._say(f"{path.name} cannot be read (yet): {error}")
            if shortage_of(error) is None:
                self._refused.add(identity)
            return False
        self._waits = ""
        self._ledger.note(identity)
        self._say(f"{path.name}: {sent}")
        return True

    def _wait(self, why: str) -> None:
        """Say once why files wait, not at each file and look."""
        if why != self._waits:
            self._say(f"Files wait: {why}")
            self._waits = why

    def _send(self, path: Path) -> str:
        answers = self._feeder.send_file(path, self._stream)
        outcomes = [answer["outcome"] for answer in answers]
        return f"{len(outcomes)} frame(s), {outcomes.count('created')} new"
