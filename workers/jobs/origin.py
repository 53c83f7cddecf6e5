"""RequestOrigin: the HTTP request that made a job, for logs and traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

REQUEST_ID = "echocast_request_id"  # headers of a message; workers that know none pass them over
TRACEPARENT = "traceparent"


@dataclass(frozen=True)
class RequestOrigin:
    """Where a job comes from.

    Args:
        request_id: Of the HTTP request, or what else made the job; empty: not known.
        traceparent: The span that it belongs to, as W3C Trace Context writes it; empty: none.
    """

    request_id: str = ""
    traceparent: str = ""

    def to_headers(self) -> dict[str, str]:
        """Headers of a message; :meth:`of_headers` gives an equal origin back."""
        headers = {REQUEST_ID: self.request_id, TRACEPARENT: self.traceparent}
        return {name: value for name, value in headers.items() if value}

    @classmethod
    def of_headers(cls, headers: Mapping[str, Any] | None) -> Self:
        """The origin that the headers of a message name."""
        given = headers or {}
        return cls(str(given.get(REQUEST_ID, "")), str(given.get(TRACEPARENT, "")))


UNKNOWN = RequestOrigin()
SWEEP = RequestOrigin(request_id="sweep")  # no request: work that was found undone
