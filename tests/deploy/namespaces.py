"""Hosts on one machine: network namespaces on a bridge, any of which can be cut off."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeVar

import pytest

from echocast.service.processes.readiness import stop_process
from tests.patience import PATIENCE_SECONDS

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
SUBNET = "10.213.47"  # lies in the namespaces only, so that it meets nobody else's
Answer = TypeVar("Answer")


class Host:
    """A network namespace with an address of its own.

    Args:
        name: Of the namespace.
        address: IPv4 address in the subnet.
        switch: Namespace of the bridge.
        port: The bridge's end of the cable.
    """

    def __init__(self, name: str, address: str, switch: str, port: str) -> None:
        self.name = name
        self.address = address
        self._switch = switch
        self._port = port
        self._inside = ThreadPoolExecutor(1, initializer=enter, initargs=(name,))

    def cut_off(self) -> None:
        """Pull the cable between switches: nothing is refused or closed, packets just vanish."""
        ip("-n", self._switch, "link", "set", self._port, "nomaster")

    def bring_back(self) -> None:
        """Plug the cable in again."""
        ip("-n", self._switch, "link", "set", self._port, "master", "bridge")

    def knows(self, other: Host) -> None:
        """Where another host is, for ever: as behind a router, nobody tells when it is gone."""
        link = json.loads(ip("-n", other.name, "-json", "link", "show", "eth0"))
        there = ("lladdr", link[0]["address"], "dev", "eth0", "nud", "permanent")
        ip("-n", self.name, "neigh", "replace", other.address, *there)

    def call(self, function: Callable[[], Answer]) -> Answer:
        """What a function answers that runs on this host."""
        return self._inside.submit(function).result()

    @contextmanager
    def running(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process on this host, stopped at the end."""
        with log.open("ab") as output:
            process = self._started(command, environment, output)
        try:
            yield process
        finally:
            stop_process(process)

    def _started(
        self, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        inside = ["ip", "netns", "exec", self.name, *command]  # becomes the command itself
        return subprocess.Popen(
            inside, stdin=subprocess.PIPE, stdout=output, stderr=output, env=dict(environment)
        )

    def close(self) -> None:
        """End the thread that lives there."""
        self._inside.shutdown()


@contextmanager
def hosts(*names: str) -> Iterator[dict[str, Host]]:
    """Hosts that reach each other; the test is skipped, loudly, where the system forbids it."""
    prefix = f"ec{os.getpid()}"
    switch = f"{prefix}-switch"
    with ExitStack() as stack:
        try:
            _add_namespace(stack, switch)
            ip("-n", switch, "link", "add", "bridge", "type", "bridge")
            ip("-n", switch, "link", "set", "bridge", "up")
            made = {
                name: _host(stack, f"{prefix}-{name}", switch, number)
                for number, name in enumerate(names, start=1)
            }
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            pytest.skip(f"SEVERAL HOSTS NOT TESTED: no network namespaces here ({error})")
        yield made


def _host(stack: ExitStack, name: str, switch: str, number: int) -> Host:
    _add_namespace(stack, name)
    port, address = f"port{number}", f"{SUBNET}.{number}"
    ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("-n", switch, "link", "set", port, "master", "bridge", "up")
    ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
    ip("-n", name, "link", "set", "eth0", "up")
    ip("-n", name, "link", "set", "lo", "up")
    host = Host(name, address, switch, port)
    stack.callback(host.close)
    return host


def _add_namespace(stack: ExitStack, name: str) -> None:
    ip("netns", "add", name)
    stack.callback(ip, "netns", "delete", name)


def ip(*arguments: str) -> str:
    """What the system's ``ip`` says."""
    program = shutil.which("ip") or "/usr/sbin/ip"
    command = [program, *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    ).stdout


def enter(name: str) -> None:
    """Move the calling thread, and no other, into a namespace."""
    with Path(f"/run/netns/{name}").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), NEW_NETWORK):
            raise OSError(ctypes.get_errno(), f"Cannot enter the namespace {name}")
