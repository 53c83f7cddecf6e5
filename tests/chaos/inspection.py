"""The end of a run: wait until nothing more happens, then look for what was lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import netCDF4
import numpy as np

from tests.chaos.callers import Caller, stamp
from tests.chaos.damage import STREAMS, Damage
from tests.chaos.ledger import TERMINAL, Ledger
from tests.chaos.recount import Recount, recount
from tests.chaos.service import Service
from tests.service.test_file_modes import OTHERS, modes

QUIET_SECONDS = 600.0
LOOK_SECONDS = 3.0
PATIENCE = 30  # seconds, for one answer
SPAN = {"from": "2026-07-01T00:00:00Z", "to": "2027-07-01T00:00:00Z"}
BY_CIRCUMSTANCE = ("poison", "disk-full", "archive-damaged")  # ends that kills and damage explain
RECOUNTED = ("model", "canary", "fallback", "extrapolation", "persistence")
CELLS = ("hits", "misses", "false_alarms", "correct_negatives")


class Inspection:
    """Looks a service over after everything that was done to it.

    Args:
        service: The service, which still runs.
        ledger: What its callers were answered.
        damage: What was damaged.
    """

    def __init__(self, service: Service, ledger: Ledger, damage: Damage) -> None:
        self.service, self.ledger, self.damage = service, ledger, damage
        self.caller = Caller(service, ledger, "inspector")
        self.jobs: dict[str, dict[str, Any]] = {}  # that have ended, by id
        self.figures: dict[str, Any] = {}
        self.faults: list[str] = []

    def look(self) -> None:
        """Everything that can be seen while the service runs."""
        if not self.service.await_ready():
            self.faults.append("The service is not ready again.")
        counted = self._await_quiet()
        self._check_jobs()
        self._check_keys()
        for stream, result in counted.items():
            self._check_stream(stream, result)
        self._check_archive()
        self._check_reindex(counted)
        self._check_modes()
        self._check_answers()

    def look_at_rest(self, left: list[str]) -> None:
        """What is there when the service has stopped."""
        scratch = sorted(path.name for path in (self.service.store / "scratch").glob("*"))
        temporary = sorted(path.name for path in self.service.temporary.iterdir())
        for name, rest in (("scratch", scratch), ("temporary files", temporary)):
            if rest:
                self.faults.append(f"{len(rest)} {name} were left: {rest[:3]}.")
        if left:
            self.faults.append(f"{len(left)} processes were left: {left[:3]}.")
        if self.service.process.returncode:
            self.faults.append(f"`echocast up` ended with {self.service.process.returncode}.")

    def _await_quiet(self) -> dict[str, Recount]:
        """Recounts once every job has ended and all pairs are counted and in the sums."""
        end = time.monotonic() + QUIET_SECONDS
        counted: dict[str, Recount] = {}
        while time.monotonic() < end:
            pending = self._pending()
            with suppress(FileNotFoundError):  # counts are replaced by others meanwhile
                counted = {name: recount(self.service.store, name, self.damage) for name in STREAMS}
                uncounted = sum(len(result.missing) for result in counted.values())
                sums = all(not self.difference(name, result) for name, result in counted.items())
                if sums and not pending and not uncounted:
                    return counted
                print(f"  pending: {pending} jobs, {uncounted} pairs", flush=True)
            time.sleep(LOOK_SECONDS)
        self.faults.append(f"Not everything was done after {QUIET_SECONDS:g} seconds.")
        return counted

    def _pending(self) -> int:
        for job in set(self.ledger.accepted) - self.jobs.keys():
            view = self.caller.look(job)
            if view and view["status"] in TERMINAL:
                self.jobs[job] = view
        return len(self.ledger.accepted) - len(self.jobs)

    def _check_jobs(self) -> None:
        """Each accepted job has one end, and its forecast can be read."""
        if lost := set(self.ledger.accepted) - self.jobs.keys():
            self.faults.append(f"{len(lost)} accepted jobs have no end: {sorted(lost)[:3]}.")
        for job, view in self.jobs.items():
            if view["status"] == "succeeded":
                self._check_forecast(job)
        ends = Counter(_end(view) for view in self.jobs.values())
        for end in ends.keys() - {"succeeded", "cancelled", *BY_CIRCUMSTANCE}:
            self.faults.append(f"{ends[end]} jobs ended as {end}.")
        attempts = Counter(str(view["attempts"]) for view in self.jobs.values())
        self.figures |= {
            "accepted jobs": len(self.ledger.accepted),
            "ends of jobs": dict(sorted(ends.items())),
            "attempts of jobs": dict(sorted(attempts.items())),
        }

    def _check_answers(self) -> None:
        """No job and no forecast was answered in two ways, no request by what is not allowed."""
        answered = {"ends": self.ledger.ends, "forecasts": self.ledger.contents}
        for name, ways in answered.items():
            if twice := [key for key, values in ways.items() if len(values) > 1]:
                self.faults.append(f"{len(twice)} {name} were answered in two ways: {twice[:3]}.")
        self.faults += [f"An answer was unexpected: {text}" for text in self.ledger.unexpected]

    def _check_forecast(self, job: str) -> None:
        """It is whole; only one that was damaged on purpose, and not made again, is gone."""
        answer = _patiently(partial(self.caller.forecast, job))
        status = answer.status_code if answer is not None else 0
        damaged = any(f"_{job}_" in one.path.name for one in self.damage.lasting())
        if status == 200 and answer is not None:
            self.faults += [
                f"The forecast of {job} {wrong}" for wrong in _unreadable(answer.content)
            ]
        elif not (status == 410 and damaged):
            self.faults.append(f"The forecast of {job} is answered by {status}.")
        self.figures["forecasts read"] = self.figures.get("forecasts read", 0) + (status == 200)
        self.figures["forecasts gone"] = self.figures.get("forecasts gone", 0) + (status == 410)

    def _check_keys(self) -> None:
        twice = {key: jobs for key, jobs in self.ledger.keys.items() if len(jobs) > 1}
        if twice:
            self.faults.append(f"{len(twice)} idempotency keys have two jobs: {twice}.")
        self.figures["idempotency keys"] = len(self.ledger.keys)

    def _check_stream(self, stream: str, result: Recount) -> None:
        """Frames are there, and every pair is counted once."""
        times = self.ledger.times(stream)
        folder = self.service.store / "frames" / stream
        twice = [time for time, roles in result.forecasts.items() if len(roles) > len(set(roles))]
        wrong = {
            "accepted frames are gone": [
                time for time in times if not list(folder.glob(f"*/*/*/{stamp(time)}.npz"))
            ],
            "reference times have two forecasts that are served": twice,
            "pairs are not counted": sorted(result.missing),
        }
        for text, items in wrong.items():
            if items:
                self.faults.append(f"{stream}: {len(items)} {text}, first {items[0]}.")
        self.faults += [f"{stream}: {text}" for text in result.wrong]
        if not result.required:
            self.faults.append(f"{stream}: there is no pair to count.")
        self.figures[f"stream {stream}"] = {
            "frames accepted": len(times),
            "frames without a forecast": len(result.silent),
            "frames set aside, though not damaged": len(self._set_aside(folder)),
            "pairs required": len(result.required),
            "pairs counted": len(result.counted),
            "pairs of damaged files": len(result.expected.keys() - result.required),
            "forecast files that nothing names": self._unnamed(stream),
        }

    def _set_aside(self, folder: Path) -> set[str]:
        """Times of frames that ended their workers three times."""
        aside = {path.stem for path in folder.glob("*/*/*/*.aside")}
        return aside - {one.path.stem for one in self.damage.lasting() if one.kind == "frame"}

    def _unnamed(self, stream: str) -> int:
        """Files of workers that were killed between a forecast and its description."""
        folder = self.service.store / "forecasts" / stream
        named = "".join(path.read_text() for path in folder.glob("*/*/*/*.json"))
        return sum(path.name not in named for path in folder.glob("*/*/*/*.nc"))

    def _answers(self, stream: str) -> dict[str, Any]:
        """Scores and drift as the service answers them, but for the number of corrections."""
        path = f"/streams/{stream}"
        ask = partial(self.caller.ask, "scores", "GET")
        scores = _patiently(partial(ask, f"{path}/verification", params=SPAN))
        drift = _patiently(partial(ask, f"{path}/drift"))
        if scores is None or drift is None or {scores.status_code, drift.status_code} != {200}:
            return {}
        return {"scores": {**scores.json(), "corrections": None}, "drift": drift.json()}

    def difference(self, stream: str, result: Recount) -> str:
        """How `/verification` differs from a recount; empty: not at all."""
        methods = self._answers(stream).get("scores", {}).get("methods")
        if methods is None:
            return "nothing is answered"
        totals, wrong = result.totals(), []
        for method, threshold, lead in _leads(methods):
            name = f"{lead['lead_minutes']:g}|{method}|{threshold}"
            recounted = [totals[f"{name}|{place}"] for place in range(len(CELLS))]
            if method in RECOUNTED and recounted != [lead[cell] for cell in CELLS]:
                wrong.append(f"{name}: {[lead[cell] for cell in CELLS]}, recounted {recounted}")
        return "; ".join(wrong[:3])

    def _check_archive(self) -> None:
        """The archive's own check names what was damaged and not made again, and nothing else."""
        status, answer = self.service.command("verify-archive")
        names = set(answer.get("damaged", {}))
        lasting = {str(one.path.relative_to(self.service.store)) for one in self.damage.lasting()}
        if names != lasting or status != bool(lasting) or "error" in answer:
            text = f"too many {sorted(names - lasting)[:3]}, missing {sorted(lasting - names)[:3]}"
            self.faults.append(f"verify-archive ended with {status}: {text}, {answer}"[:1000])
        self.figures["files verified"] = answer.get("files")
        self.figures["files damaged"] = len(self.damage.files)
        self.figures["files damaged and not made again"] = len(lasting)

    def _check_reindex(self, counted: dict[str, Recount]) -> None:
        """The sums are what the recount gives, and the same when they are made again."""
        before = {stream: self._answers(stream) for stream in STREAMS}
        status, answer = self.service.command("reindex", "--recount")
        for stream, result in counted.items():
            if before[stream] != self._answers(stream) or not before[stream]:
                self.faults.append(f"{stream}: a reindex changed its scores or drift.")
            if wrong := self.difference(stream, result):
                self.faults.append(f"{stream}: scores are not those of a recount: {wrong}.")
            if answer.get(stream, {}).get("differing") != 0:
                self.faults.append(f"reindex of {stream}: {status}, {str(answer)[:500]}.")
        names = ("frames", "forecasts", "pairs", "differing")
        for stream in STREAMS:
            reindexed = answer.get(stream, {})
            self.figures[f"reindex of {stream}"] = {name: reindexed.get(name) for name in names}

    def _check_modes(self) -> None:
        for folder in ("store", "engine"):
            stored = modes(self.service.place.data / folder)
            if wrong := [path for path, mode in stored.items() if mode & OTHERS]:
                self.faults.append(f"Others may read {len(wrong)} files: {wrong[:3]}.")


def _patiently(ask: Callable[[], httpx.Response | None]) -> httpx.Response | None:
    """An answer; nothing is killed any more, but a connection may be old, or the engine loading."""
    for _ in range(PATIENCE):
        answer = ask()
        if answer is not None and answer.status_code != 503:
            return answer
        time.sleep(1.0)
    return None


def _leads(methods: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method, thresholds in methods.items():
        for threshold, scores in thresholds.items():
            for lead in scores["leads"]:
                yield method, threshold, lead


def _unreadable(content: bytes) -> Iterator[str]:
    """What is wrong with a forecast file."""
    try:
        with netCDF4.Dataset("forecast", memory=content) as dataset:
            values = np.ma.filled(dataset["reflectivity"][:].astype("f4"), np.nan)
    except (OSError, LookupError, ValueError) as error:
        yield f"cannot be read ({len(content)} bytes): {error}."
        return
    if len(values) != 10 or not np.isfinite(values).any():
        yield f"holds {values.shape} values, {int(np.isfinite(values).sum())} of them finite."


def _end(view: dict[str, Any]) -> str:
    """How a job ended, and of what where it failed."""
    return str(view.get("error", {}).get("type", view["status"]))
