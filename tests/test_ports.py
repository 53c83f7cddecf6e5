"""Ports of tests: those of two processes differ, and none is one that the system gives out."""

from pathlib import Path

import pytest

from echocast.service.processes.listening import bound_socket
from tests import ports
from tests.ports import END, FIRST, LOOPBACK, MOST_TESTERS, free_port, own_ports


def test_processes_that_test_side_by_side_have_ports_of_their_own() -> None:
    shares = [set(own_ports(tester, END)) for tester in range(MOST_TESTERS)]
    assert sum(map(len, shares)) == len(set().union(*shares))
    assert all(FIRST <= port < END for share in shares for port in share)
    assert min(map(len, shares)) > 1000


def test_none_is_given_twice_and_none_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_NEXT", iter(sorted(ports.OWN) * 2))
    first = free_port()
    with bound_socket(LOOPBACK, first + 2) as taken:
        taken.listen()
        assert [free_port(), free_port(), free_port(3)] == [first + 1, first + 3, first + 4]


@pytest.mark.parametrize(
    ("system", "end"), [("32768 60999", END), ("15000 60999", 15_000), ("1024 65000", END)]
)
def test_they_are_below_those_of_the_system(
    system: str, end: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "range").write_text(system.replace(" ", "\t") + "\n")
    monkeypatch.setattr(ports, "SYSTEM_RANGE", tmp_path / "range")
    assert ports._end() == end
    monkeypatch.setattr(ports, "SYSTEM_RANGE", tmp_path / "none")
    assert ports._end() == END
