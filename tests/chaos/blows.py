"""How each fault is done to the running service."""

from __future__ import annotations

import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.chaos.callers import SMALL, STORMS, Caller, send_frame, stamp
from tests.chaos.damage import Damage, Damaged
from tests.chaos.disk import MIB, NO_DISK, SmallDisk
from tests.chaos.greedy import SMALL_JOBS, Waited, judged, starve
from tests.chaos.ledger import Ledger
from tests.chaos.schedule import Blow
from tests.chaos.service import Service, send
from tests.service.bodies import NETCDF, netcdf

WAITERS = 4
WAITERS_SECONDS = 30.0  # until the requests of all of them are accepted
NEARLY_NOTHING = MIB + 64 * 1024  # free: enough for the check before a file, not for the files


class Attack:
    """Strikes a service and counts what was done.

    Args:
        service: The service.
        disk: Its disk; None where it can't be filled.
        ledger: What callers are answered.
        chance: Which process, which file.
    """

    def __init__(
        self, service: Service, disk: SmallDisk | None, ledger: Ledger, chance: random.Random
    ) -> None:
        self.service, self.disk, self.ledger, self.chance = service, disk, ledger, chance
        self.damage = Damage(service.store, chance)
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.waited: list[Waited] = []
        self.kills = 0

    def strike(self, blow: Blow) -> None:
        """Do one blow, after its pause."""
        time.sleep(blow.pause)
        kinds: dict[str, Callable[[Blow], None]] = {
            "kill": self._kill,
            "again": self._kill_again,
            "stop": self._stop,
            "terminate": self._terminate,
            "full": self._fill,
            "damage": self._damage,
            "greedy": self._greedy,
        }
        kinds[blow.kind](blow)

    def _kill(self, blow: Blow) -> None:
        """Kill one process of each role at once; of a role named twice, two."""
        victims = []
        for role, count in Counter(blow.targets).items():
            pids = self.service.await_processes(role, count)
            victims += [(role, pid) for pid in self.chance.sample(pids, min(count, len(pids)))]
        for role, pid in victims:
            self._kill_one(role, pid)
        self.done["pairs killed"] += len(victims) == 2

    def _kill_again(self, blow: Blow) -> None:
        """Kill Valkey, and the next one as soon as it is there."""
        first = self.service.await_processes("valkey")
        for pid in first:
            self._kill_one("valkey", pid)
        end = time.monotonic() + blow.seconds
        while time.monotonic() < end or not self.service.processes("valkey"):
            time.sleep(0.005)
            if time.monotonic() > end + WAITERS_SECONDS:
                return
        for pid in set(self.service.processes("valkey")) - set(first):
            self._kill_one("valkey", pid)
            self.done["Valkey killed while it starts"] += 1

    def _kill_one(self, role: str, pid: int) -> None:
        if send(pid, signal.SIGKILL):
            self.done[f"{role} killed"] += 1
            self.kills += 1

    def _stop(self, blow: Blow) -> None:
        (role,) = blow.targets
        pids = self.service.await_processes(role)
        with self._stopped([self.chance.choice(pids)]):
            time.sleep(blow.seconds)
        self.done[f"{role} stopped"] += 1

    @contextmanager
    def _stopped(self, pids: list[int]) -> Iterator[None]:
        try:
            for pid in pids:
                send(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                send(pid, signal.SIGCONT)

    def _terminate(self, _: Blow) -> None:
        """SIGTERM the gateway while callers wait for nowcasts that no worker makes.

        Each must be answered by 202, or by 200, and so learn the id.
        """
        self.service.await_ready()
        with self._stopped(self.service.processes("worker")), ThreadPoolExecutor(WAITERS) as pool:
            keys = [uuid.UUID(int=self.chance.getrandbits(128)).hex for _ in range(WAITERS)]
            waiting = [pool.submit(self._wait, key, self.chance.randrange(STORMS)) for key in keys]
            if not self._all_are_accepted(keys):
                return  # the gateway was on its way down, or all were answered: nothing to see
            for pid in self.service.processes("gateway"):
                send(pid, signal.SIGTERM)
            answered = [future.result() for future in waiting]
        self.done["gateway terminated with waiters"] += 1
        if missing := answered.count(False):
            self.faults.append(f"{missing} of {WAITERS} waiters were not answered at a stop.")

    def _wait(self, key: str, seed: int) -> bool:
        """Whether a caller that waits is answered by the id of its job."""
        caller = Caller(self.service, self.ledger, "waiter")
        headers = {**NETCDF, "Prefer": "wait=30", "Idempotency-Key": key}
        body = netcdf(seed=seed, frames=10, side=SMALL)
        answer = caller.ask("wait", "POST", "/nowcast", content=body, headers=headers)
        if answer is None or answer.status_code not in (200, 202):
            return False
        self.ledger.on_accepted(answer.json()["id"], (seed, SMALL), key)
        return True

    def _all_are_accepted(self, keys: list[str]) -> bool:
        """Whether the engine knows all of these idempotency keys, soon."""
        store = self.service.place.store()
        names = [f"echocast:idempotency:waiter\n{key}" for key in keys]
        end = time.monotonic() + WAITERS_SECONDS
        try:
            while time.monotonic() < end:
                if store.engine.call(lambda: store.engine.redis.exists(*names)) == len(keys):
                    return True
                time.sleep(0.05)
        finally:
            store.close()
        return False

    def _fill(self, blow: Blow) -> None:
        """Somebody else fills the disk: to the last byte, or until nearly nothing is left."""
        if self.disk is None:
            self.done[NO_DISK] += 1
            return
        left = self.chance.choice((0, NEARLY_NOTHING))
        self.disk.fill(blow.seconds, left)
        self.done["disk full" if not left else "disk nearly full"] += 1

    def _damage(self, _: Blow) -> None:
        """Damage a file; every second forecast and frame is sent for again."""
        damaged = self.damage.one_more()
        if damaged is None:
            self.done["nothing to damage yet"] += 1
            return
        self.done[f"{damaged.kind} {damaged.how}"] += 1
        if damaged.kind == "forecast":
            self._ask_for(damaged)
        elif damaged.kind == "frame" and self.chance.random() < 0.5:
            self._send_again(damaged)

    def _ask_for(self, damaged: Damaged) -> None:
        job = damaged.path.stem.split("_")[-2]
        caller = Caller(self.service, self.ledger, "poster")
        answer = caller.forecast(job)
        served = answer is not None and answer.status_code == 200
        if served and answer.content == damaged.after:
            self.faults.append(f"The damaged {damaged.path.name} was served.")
        if job in self.ledger.accepted and self.chance.random() < 0.5:
            caller.submit(*self.ledger.accepted[job], threading.Event())

    def _send_again(self, damaged: Damaged) -> None:
        """The frame as it was sent last."""
        caller, stream = Caller(self.service, self.ledger, "feeder"), damaged.path.parts[-5]
        for (name, time_sent), content in list(self.ledger.frames.items()):
            if name == stream and stamp(time_sent) == damaged.path.stem:
                stop = threading.Event()
                send_frame(caller, stream, time_sent, content, stop, replace=True)

    def _greedy(self, _: Blow) -> None:
        """A greedy caller and a small one; nothing else happens meanwhile."""
        self.service.await_ready()
        self.service.await_processes("worker", 2)
        small, large = starve(self.service, self.ledger, self.chance)
        if missing := SMALL_JOBS - len(small):
            self.faults.append(f"{missing} small jobs beside a greedy caller were not done.")
        self.waited += judged(small, large)
        self.done["greedy caller"] += 1
