"""What can be refused about streams; :mod:`service.problems` gives HTTP status codes."""

from __future__ import annotations

from service.errors import RequestRefused


class NoForecastYet(RequestRefused):
    """The stream has not issued a forecast."""
