"""A tree of processes: what dies is started again, and all end together."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from echocast.service.errors import StartRefused
from echocast.service.processes.parent_watch import command
from echocast.workers.runtime.refusal import REFUSED

log = logging.getLogger("echocast.supervisor")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
HEALTHY_AFTER_SECONDS = 30.0
STOP_SECONDS = 15.0


@dataclass
class Role:
    """One process of the tree.

    Args:
        name: For people.
        module: Run as ``python -m`` would.
        settings: ``ECHOCAST_`` variables for this one.
    """

    name: str
    module: str
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    pause: float = field(default=FIRST_PAUSE_SECONDS)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process; it ends with us, by the pipe on its standard input."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command(self.module),
            stdin=subprocess.PIPE,
            env={**environment, **self.settings},
            start_new_session=True,  # Ctrl-C is for the supervisor to handle
        )

    def died(self) -> int:
        """Note a death: when to start again."""
        assert self.process is not None
        code = self.process.wait()
        self._close_pipe()
        healthy = time.monotonic() - self.started > HEALTHY_AFTER_SECONDS
        self.pause = FIRST_PAUSE_SECONDS if healthy else self.pause
        self.due = time.monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE_SECONDS)
        self.process = None
        return code

    def ask_to_end(self) -> None:
        """Ask the process to end."""
        if self.process is not None:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until the process ends; from that monotonic time on, make it."""
        if self.process is None:
            return
        try:
            self.process.wait(deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close_pipe()
        self.process = None

    def _close_pipe(self) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()


class Supervisor:
    """Starts roles in order, keeps them alive, and stops them in reverse order, each kind at once.

    Args:
        roles: What to run.
        settings: ``ECHOCAST_`` variables for all of them.
    """

    def __init__(self, roles: Sequence[Role], settings: Mapping[str, str]) -> None:
        self.roles = list(roles)
        self.environment = {**os.environ, **settings}

    def start(self) -> None:
        """Start everything."""
        for role in self.roles:
            role.start(self.environment)

    def tend(self) -> None:
        """Notice what died and start what is due; call this several times a second.

        Raises:
            StartRefused: A role refused to start; it has said why.
        """
        for role in self.roles:
            if role.process is None and time.monotonic() >= role.due:
                role.start(self.environment)
            elif role.process is not None and role.process.poll() is not None:
                self._bury(role)

    def _bury(self, role: Role) -> None:
        code = role.died()
        if code == REFUSED:
            raise StartRefused(f"The {role.name} refused to start.")
        pause = role.due - time.monotonic()
        log.warning("The %s ended (%d) and is started again in %.1f s", role.name, code, pause)

    def stop(self) -> None:
        """Stop everything, the last first; those that run the same module are asked together."""
        for _, alike in groupby(reversed(self.roles), lambda role: role.module):
            roles = list(alike)
            for role in roles:
                role.ask_to_end()
            deadline = time.monotonic() + STOP_SECONDS
            for role in roles:
                role.end(deadline)
