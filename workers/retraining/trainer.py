"""``python -m echocast.workers.retraining.trainer``: retrains when asked, one over all hosts.

The work is done by a child, ``python -m echocast.model retrain``. On a CPU that serves forecasts
too it may not slow them beyond their deadlines, so the child and its session run at the lowest
priority (niceness 19: a worker that wants the CPU gets 98 % of it, without autogroups 88 %) and in
half as many threads as there are CPUs, which leaves cache and memory bandwidth to the worker.
Between containers the shares of the CPU decide (``cpu_shares`` in docker-compose.yml). A GPU knows
no niceness: a training beside a worker on one GPU takes turns with it. So the trainer computes on
the CPU unless ``ECHOCAST_TRAINER_DEVICE`` names a device of its own.

Messages only wake the trainer up; the request stays in the engine until there is a verdict. When a
trainer dies it loses its lock, and the next one goes on in the same work folder.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from celery.signals import worker_shutting_down

from echocast.model.errors import InputError
from echocast.model.registry.registry import Registry
from echocast.model.retraining.config import config_of
from echocast.model.retraining.fencing_token import fence_of, raise_fence
from echocast.workers.archive.store_identity import await_engine
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.queue import TRAINING, celery_app
from echocast.workers.jobs.quiet_worker import QuietWorker
from echocast.workers.retraining.requests import Lock, RetrainingRequest, RetrainingRequests
from echocast.workers.runtime.logging import configure_logging
from echocast.workers.runtime.machine import usable_cpus
from echocast.workers.runtime.periodic import BROKEN_EXIT_CODE
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence
from echocast.workers.settings import WorkerSettings

NICENESS = 19
POLL_SECONDS = 0.2
STOP_SECONDS = 10.0
log = logging.getLogger("echocast.trainer")


class Trainer:
    """Starts the retraining that was asked for, under the lock.

    Args:
        settings: How.
        requests: Where the request and the lock are.
        command: The command line of the child, given a request and the lock.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        requests: RetrainingRequests,
        command: Callable[[WorkerSettings, RetrainingRequest, Lock], Sequence[str]] | None = None,
    ) -> None:
        self._settings = settings
        self._requests = requests
        self._command = command or retrain_command
        self._stopping = threading.Event()
        self._wake = threading.Event()

    def wake(self) -> None:
        """Ask the engine soon."""
        self._wake.set()

    def stop(self) -> None:
        """End the child and start no other; what it did so far stays in the work folder."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Ask the engine again and again until :meth:`stop`."""
        while not self._stopping.is_set():
            try:
                self.run_pending()
            except EngineUnavailable as error:
                log.error("The engine is asked again later: %s", error)
            self._wake.wait(self._settings.trainer_look_seconds)
            self._wake.clear()

    def run_pending(self) -> str | None:
        """Do the retraining that was asked for, if no other trainer does it.

        Returns:
            ``done``, ``failed``, ``given up``, ``lost`` or ``stopped``; None where there was
            nothing to do.
        """
        pending = self._requests.pending()
        if pending is None:
            return None
        root, name = self._settings.models_root, f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        lock = self._requests.acquire(name, fence_of(root), self._settings.trainer_lease_seconds)
        if lock is None:
            return None
        request, attempts = pending
        raise_fence(root, lock.number)
        if attempts >= self._settings.maximum_attempts:
            return self._give_up(request, lock, attempts)
        outcome = self._attempt(request, lock)
        log.info("Retraining %s: %s", request.id, outcome)
        return outcome

    def _give_up(self, request: RetrainingRequest, lock: Lock, attempts: int) -> str:
        facts = {"id": request.id, "verdict": "failed", "attempts": attempts}
        Registry(self._settings.models_root).record(
            "retrain", who="trainer", why=request.why, facts=facts
        )
        self._requests.release(lock, request)
        log.error("Retraining %s is given up after %d attempts", request.id, attempts)
        return "given up"

    def _attempt(self, request: RetrainingRequest, lock: Lock) -> str:
        """Run the child for as long as the lock is ours."""
        log.info("Retraining %s begins (%s)", request.id, request.why)
        child = subprocess.Popen(
            self._command(self._settings, request, lock),
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            start_new_session=True,  # whose priority can be its own
        )
        try:
            outcome = self._watch(child, lock)
        finally:
            _end(child)
        if outcome != "lost":
            done = request if outcome == "done" else None
            self._requests.release(lock, done, counts=outcome != "stopped")
        return outcome

    def _watch(self, child: subprocess.Popen[bytes], lock: Lock) -> str:
        renewed = time.monotonic()
        lease = self._settings.trainer_lease_seconds
        while child.poll() is None:
            if self._stopping.is_set():
                return "stopped"
            if time.monotonic() - renewed > lease / 3:
                if not self._renewed(lock, lease):
                    return "lost"
                renewed = time.monotonic()
            time.sleep(POLL_SECONDS)
        return "failed" if child.returncode else "done"

    def _renewed(self, lock: Lock, lease: float) -> bool:
        try:
            return self._requests.renew(lock, lease)
        except EngineUnavailable:
            return False  # longer than the lease: somebody else may hold the lock now


def _end(child: subprocess.Popen[bytes]) -> None:
    """Make sure that the child has ended; it resumes from what it left."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdin is not None:
        child.stdin.close()


def retrain_command(settings: WorkerSettings, request: RetrainingRequest, lock: Lock) -> list[str]:
    """The command line of a child; the pipe on its standard input ends it with us."""
    archive = settings.streams_url or str(settings.archive_root)
    options: dict[str, Any] = {
        "work": settings.data_dir / "retraining" / request.id,
        "models-dir": settings.models_root,
        "config": settings.retrain_config,
        "who": "trainer",
        "why": request.why,
        "number": lock.number,
        "niceness": NICENESS,
        "threads": settings.trainer_threads or max(1, usable_cpus() // 2),
        "device": settings.trainer_device,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    flags = ["--end-with-input", "--json", *(["--promote"] if settings.retrain_promotes else [])]
    return [sys.executable, "-m", "echocast.model", "retrain", archive, *arguments, *flags]


def run_trainer(settings: WorkerSettings) -> int:
    """Take messages until SIGTERM or SIGINT; return the exit code.

    Raises:
        EngineUnavailable: No engine answered within the time to wait for it.
        AnotherStore: The engine's jobs have their files in another archive.
        InputError: The settings of the retraining are invalid.
    """
    config_of(settings.retrain_config)
    await_engine(settings)
    engine = EngineClient(settings.engine_url, settings.trainer_lease_seconds / 2)
    trainer = Trainer(settings, RetrainingRequests(engine))
    thread = threading.Thread(target=_run_or_end, args=(trainer,), name="trainer", daemon=True)
    app = celery_app(settings.engine_url)

    def wake(_message: str) -> None:
        trainer.wake()

    app.task(name=TRAINING)(wake)
    worker_shutting_down.connect(lambda **_: trainer.stop(), weak=False)
    worker = QuietWorker(
        app=app,
        pool="threads",
        concurrency=1,
        queues=[TRAINING],
        hostname=f"trainer-{socket.gethostname()}-{os.getpid()}",
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    thread.start()
    log.info("The trainer waits for retrainings.")
    try:
        worker.start()
    finally:
        log.info("The trainer stops.")
        trainer.stop()
        thread.join()
        engine.close()
    return int(worker.exitcode or 0)


def _run_or_end(trainer: Trainer) -> None:
    """A trainer without its thread would look alive and train nothing."""
    try:
        trainer.run()
    except Exception:
        log.critical("The trainer is broken and ends.", exc_info=True)
        os._exit(BROKEN_EXIT_CODE)


def main() -> int:
    """Run a trainer; errors are one sentence on standard error."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with ending_by_a_sentence("echocast trainer", InputError):  # a configuration of retrainings
        settings = WorkerSettings()
        configure_logging("trainer", settings.log, settings.log_level)
        keep_private(settings.umask, settings.own_folders)
        code = run_trainer(settings)
    return code


if __name__ == "__main__":
    sys.exit(main())
