"""The connection to the broker: what a lost one can't give back is left to the janitor.

Kombu gives messages back that were taken and not begun when a connection ends. Where the engine is
gone it writes them into a file instead, as a pickle that nobody reads and nobody removes.
"""

from __future__ import annotations

from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import redis, virtual


class _QoS(virtual.QoS):
    def restore_unacked(self) -> list[Any]:
        """Give messages back; none is reported as left, so that none is written to a file."""
        super().restore_unacked()  # type: ignore[no-untyped-call]
        return []


class _Channel(redis.Channel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.QoS = _QoS  # type: ignore[assignment]


class _Transport(redis.Transport):
    Channel = _Channel


class _Connection(Connection):
    def get_transport_cls(self) -> type[_Transport]:
        """Ours, whatever the scheme of the address."""
        return _Transport


class Broker(AMQP):  # type: ignore[misc]
    """What a Celery app uses to speak to the engine; without Kombu's emulation of acks."""

    Connection = _Connection
    BrokerConnection = _Connection
