"""TCP ports for processes that are started a moment later, and that nobody else takes until then.

Ports that the system gives to who asks for any one, or for an outgoing connection, are not among
them. Processes that test side by side have ports of their own, and none gets one twice.
"""

import itertools
import os
import random
from contextlib import suppress
from pathlib import Path

from echocast.service.errors import StartRefused
from echocast.service.processes.listening import bound_socket

LOOPBACK = "127.0.0.1"
FIRST, END = 12_000, 32_768  # Linux gives out those from here on, other systems later ones
MOST_TESTERS = 16
SYSTEM_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def own_ports(tester: int, end: int) -> range:
    """The ports of one of the processes that test side by side, below those of the system."""
    share = (end - FIRST) // MOST_TESTERS
    first = FIRST + tester % MOST_TESTERS * share
    return range(first, first + share)


def _end() -> int:
    """Where the system's ports begin; a usual value where it has nearly all of them."""
    with suppress(OSError):
        lowest = int(SYSTEM_RANGE.read_text().split()[0])
        return min(lowest, END) if lowest > FIRST + 100 * MOST_TESTERS else END
    return END


def _in_turn(ports: range) -> itertools.cycle:  # type: ignore[type-arg]
    """All of them again and again; another run on this machine begins elsewhere."""
    begin = random.SystemRandom().randrange(len(ports))
    return itertools.cycle([*ports[begin:], *ports[:begin]])


TESTER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
OWN = own_ports(TESTER, _end())
_NEXT = _in_turn(OWN)


def free_port(in_a_row: int = 1) -> int:
    """A port of loopback that is free, and so are the next ones.

    Raises:
        AssertionError: There are no such ports.
    """
    for _ in range(len(OWN)):
        row = list(itertools.islice(_NEXT, in_a_row))
        if row[-1] - row[0] == in_a_row - 1 and all(map(_is_free, row)):
            return row[0]
    raise AssertionError(f"No {in_a_row} ports in a row are free.")


def _is_free(port: int) -> bool:
    try:
        with bound_socket(LOOPBACK, port) as listener:
            listener.listen()
            return True
    except (StartRefused, OSError):
        return False
