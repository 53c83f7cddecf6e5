"""Carry out the Dockerfile without a container engine, as root, each stage in a root of its own.

    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm base
    python -m tests.deploy.run_dockerfile base roots worker [--bind FOLDER ...]

The first folder stands in for the base image. Every COPY and RUN of the stage, and of those that it
takes files from, is done in ``roots/<stage>`` as it is written; what ENV sets is left in
``roots/<stage>.json``. Folders named by --bind (package indexes, say) are mounted there meanwhile,
and variables that begin with PIP_ are handed on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.compose_file import ROOT
from tests.deploy.test_dockerfile import STAGES

PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
ASSIGNED = re.compile(r'(\w+)=("[^"]*"|\S*)')


@dataclass
class Root:
    """A folder that a stage is made in.

    Args:
        place: The folder.
        environment: What ENV and ARG have set so far.
        folder: What WORKDIR named last.
    """

    place: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(PLAIN))
    folder: str = "/"

    def inside(self, path: str) -> Path:
        """A path of the stage as it is seen from here."""
        return self.place / (Path("/", self.folder, path).relative_to("/"))

    def run(self, command: str) -> None:
        """Run a command of the shell within."""
        print(f"RUN {command}", flush=True)
        script = f"cd {shlex.quote(self.folder)} && {command}"
        sealed = ["chroot", str(self.place), "/bin/sh", "-ec", script]
        indexes = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        subprocess.run(sealed, env={**indexes, **self.environment}, check=True)


def make(stage: str, base: Path, roots: Path, binds: Sequence[Path]) -> Root:
    """Carry out a stage, after those that it stands on or copies from."""
    before, instructions = STAGES[stage]
    under = Root(base) if before not in STAGES else make(before, base, roots, binds)
    root, made = Root(roots / stage, dict(under.environment), under.folder), roots / f"{stage}.json"
    if made.exists():
        root.environment = json.loads(made.read_text())
        return root
    if root.place.exists():  # folders of this machine may still be bound there
        raise SystemExit(f"{root.place} was not finished: unmount what is bound there, remove it.")
    subprocess.run(["cp", "-a", under.place, root.place], check=True)
    with bound(root.place, binds):
        for line in instructions:
            follow(line, root, lambda name: make(name, base, roots, binds))
    made.write_text(json.dumps(root.environment))
    return root


def follow(line: str, root: Root, stage: Callable[[str], Root]) -> None:
    """Carry out one instruction; those about how a container is started change no files."""
    what, _, rest = line.partition(" ")
    if what == "RUN":
        root.run(rest)
    elif what == "COPY":
        copy(rest.split(), root, stage)
    elif what == "WORKDIR":
        root.folder = rest
        root.inside(".").mkdir(parents=True, exist_ok=True)
    elif what in ("ENV", "ARG"):
        given = {name: value.strip('"') for name, value in ASSIGNED.findall(rest)}
        root.environment |= {
            k: v.replace("$PATH", root.environment["PATH"]) for k, v in given.items()
        }


def copy(words: list[str], root: Root, stage: Callable[[str], Root]) -> None:
    """COPY: from the source tree, or from another stage."""
    there = ROOT
    if words[0].startswith("--from="):
        there = stage(words.pop(0).removeprefix("--from=")).place
    *sources, target = words
    for source in sources:
        origin = there / source.lstrip("/")
        place = root.inside(target)
        if origin.is_dir():
            shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True, ignore=IGNORED)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, place)


@contextmanager
def bound(place: Path, folders: Sequence[Path]) -> Iterator[None]:
    """A context in which some folders of this machine are seen within, and the kernel's."""
    with ExitStack() as stack:
        for folder in (*folders, Path("/proc"), Path("/dev")):
            target = place / folder.relative_to("/")
            target.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", folder, target], check=True)
            stack.callback(subprocess.run, ["umount", target], check=True)
        yield


def main() -> None:
    """Make the stages that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("roots", type=Path)
    parser.add_argument("stages", nargs="+", choices=sorted(STAGES))
    parser.add_argument("--bind", type=Path, action="append", default=[])
    given = parser.parse_args()
    given.roots.mkdir(parents=True, exist_ok=True)
    for stage in given.stages:
        make(stage, given.base.resolve(), given.roots.resolve(), given.bind)


if __name__ == "__main__":
    main()
