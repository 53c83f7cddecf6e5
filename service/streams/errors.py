"""What can be refused about streams; ``service/http/problems.py`` gives HTTP status codes."""

from __future__ import annotations

from echocast.service.errors import RequestRefused


class NoForecastYet(RequestRefused):
    """The stream has not issued a forecast."""
