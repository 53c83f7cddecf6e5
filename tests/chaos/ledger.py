"""What callers were answered: the only thing that the recount believes besides the files."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, defaultdict
from typing import Any

import httpx

OK, AGAIN = (200, 201, 202), (503, 507)
ALLOWED = {  # answers to requests that are right; 5xx is never anything but 503 and 507
    "submit": (200, 202, *AGAIN),
    "look": (200, *AGAIN),
    "forecast": (200, 304, 409, 410, *AGAIN),
    "cancel": (200, *AGAIN),
    "declare": (200, 201, *AGAIN),
    "frame": (200, 201, *AGAIN),
    "latest": (200, 404, *AGAIN),  # 404 before the first forecast
    "scores": (200, *AGAIN),
    "wait": (200, 202, *AGAIN),
    "large": (200, 202, 429, *AGAIN),
    "junk": (400, 415, 422, 429, *AGAIN),
    "small": (200, 202),
}
TERMINAL = ("succeeded", "failed", "cancelled", "expired")


class Ledger:
    """What callers sent and were answered; safe to share among threads."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()  # by action, status and kind of problem
        self.unexpected: list[str] = []
        self.accepted: dict[str, tuple[int, int]] = {}  # job -> seed and side of its storm
        self.keys: dict[str, set[str]] = defaultdict(set)  # idempotency key -> jobs
        self.ends: dict[tuple[str, str], set[str]] = defaultdict(set)  # job and its creation
        self.contents: dict[tuple[str, str], set[str]] = defaultdict(set)  # job and its ETag
        self.frames: dict[tuple[str, str], bytes] = {}  # stream and time -> as sent last
        self._lock = threading.Lock()

    def on_answer(self, action: str, answer: httpx.Response) -> None:
        """Count an answer."""
        slug = _slug(answer)
        with self._lock:
            self.answers[f"{action}: {answer.status_code} {slug}".rstrip()] += 1
            if answer.status_code not in ALLOWED[action]:
                place = f"{answer.request.method} {answer.request.url.path}"
                text = f"{action}: {place}: {answer.status_code} {answer.text[:300]}"
                self.unexpected.append(text)

    def on_broken(self, action: str, error: Exception) -> None:
        """Count a connection that was refused, or that broke."""
        with self._lock:
            self.answers[f"{action}: no answer ({type(error).__name__})"] += 1

    def on_accepted(self, job: str, storm: tuple[int, int], key: str | None = None) -> None:
        """A job was accepted: it must not be lost any more."""
        with self._lock:
            self.accepted[job] = storm
            if key is not None:
                self.keys[key].add(job)

    def on_job(self, view: dict[str, Any]) -> None:
        """Note how a job ended; one of another creation is another run of it."""
        if view["status"] in TERMINAL:
            with self._lock:
                end = f"{view['status']} {view.get('finished')}"
                self.ends[view["id"], view["created"]].add(end)

    def on_forecast(self, job: str, answer: httpx.Response) -> None:
        """Note the bytes of a forecast."""
        digest = hashlib.sha256(answer.content).hexdigest()
        with self._lock:
            self.contents[job, answer.headers["etag"]].add(digest)

    def on_frame(self, stream: str, time: str, content: bytes) -> None:
        """A frame was accepted, perhaps in place of another."""
        with self._lock:
            self.frames[stream, time] = content

    def times(self, stream: str) -> list[str]:
        """Times of a stream's accepted frames, oldest first."""
        with self._lock:
            return sorted(time for name, time in self.frames if name == stream)


def _slug(answer: httpx.Response) -> str:
    if answer.headers.get("content-type") != "application/problem+json":
        return ""
    return str(answer.json().get("type", "")).rpartition(":")[2]
