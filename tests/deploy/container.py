"""Services of docker-compose.yml as processes: their users, volumes and environment, no engine.

Each has a root of its own, in which nothing can be written but its volumes, and no rights. Programs
and libraries are this machine's, and so is the network: addresses of services are ports of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.service.processes.readiness import stop_process
from tests.deploy.compose_file import ROOT, interpolated, load
from tests.deploy.test_dockerfile import whole

SERVICES: dict[str, dict[str, Any]] = load()["services"]
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/proc", "/dev")
# Arguments: a folder for the root, the user, pairs of a folder and its place, "--", a command.
SEALED = """
root=$1 user=$2; shift 2
mount -t tmpfs -o mode=755 tmpfs "$root"
while [ "$1" != -- ]; do
  mkdir -p "$root$2" && mount --rbind "$1" "$root$2"; shift 2
done
shift
mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
  --inh-caps=-all --bounding-set=-all "$@"
"""


@dataclass(frozen=True)
class Host:
    """A host on which containers run.

    Args:
        folder: Holds its volumes, and the logs of its containers.
        variables: What ``.env`` has.
        ports: Of this machine, in place of those of services.
    """

    folder: Path
    variables: Mapping[str, str]
    ports: Mapping[str, int]

    @contextmanager
    def container(
        self, name: str, user: int, command: Sequence[str], **own: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A service while the context lasts."""
        root = self.folder / f"{name}-root"
        root.mkdir(exist_ok=True)
        mounts = [word for pair in self._mounts(name, user) for word in pair]
        sealed = ["unshare", "--mount", "sh", "-ec", SEALED, "sh", str(root), str(user)]
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [*sealed, *mounts, "--", *map(self.here, command)],
                env={**self._environment(name), **own},
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            stop_process(process)

    def log(self, name: str) -> Path:
        """What a service wrote."""
        return self.folder / f"{name}.log"

    def here(self, text: str) -> str:
        """The same with addresses of services as they are on this machine."""
        for name, port in self.ports.items():
            text = re.sub(rf"(?<=[/@]){name}:\d+", f"127.0.0.1:{port}", text)
        return text

    def _environment(self, name: str) -> dict[str, str]:
        """What the image of a service sets, and the compose file."""
        image = SERVICES[name]["image"].removeprefix("echocast-")
        lines = [] if "/" in image else [line for line in whole(image) if line.startswith("ENV")]
        given = interpolated(SERVICES[name]["environment"], self.variables)
        texts = {k: str(v) for k, v in given.items() if v is not None}
        python = {k: os.environ[k] for k in ("PATH", "PYTHONPATH") if k in os.environ}
        built = {**dict(re.findall(r"(\w+)=(\S+)", "\n".join(lines))), **texts}
        return {**{k: self.here(v) for k, v in built.items()}, **python}

    def _mounts(self, name: str, user: int) -> Iterator[tuple[str, str]]:
        """Volumes and temporary folders of a service; the system, our package, its interpreter."""
        for volume in SERVICES[name]["volumes"]:
            source, target, *_ = volume.split(":")
            ours = source.startswith("./deploy")
            yield str(ROOT / source if ours else self._folder(source, user)), target
        for temporary in SERVICES[name]["tmpfs"]:
            target = temporary.split(":")[0]
            yield str(self._folder(f"{name}{target.replace('/', '-')}", user)), target
        for path in (*SYSTEM, sys.base_prefix, sys.prefix, str(ROOT)):
            if Path(path).exists():
                yield path, path

    def _folder(self, name: str, user: int) -> Path:
        """A folder of the host; one that is new belongs to the user."""
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir()
            os.chown(folder, user, user)
        return folder
