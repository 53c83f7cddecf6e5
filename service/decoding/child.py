"""The child of the pool: reads a JSON request a line, answers a JSON line, knows its limits.

Started as ``python -m echocast.service.decoding.child ROLE MEMORY_BYTES SECONDS``. Ends when its
standard input does, so it never outlives the gateway.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from echocast.model.errors import EchocastError, InputError
from echocast.service.decoding import operations
from echocast.workers.errors import OutOfMemory, shortage_of
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.memory import resident_bytes

log = logging.getLogger("echocast.decode")

WARM = {
    "decode": ("echocast.model.formats.readers", "echocast.model.contract"),
    "render": ("echocast.model.formats.forecast_writer", "echocast.model.plotting.pictures"),
}


def main() -> None:
    """Answer requests until standard input ends."""
    role, memory_bytes, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    hide_home()
    limit_process(memory_bytes)
    log_to_stderr(role, os.environ.get("ECHOCAST_LOG", "text"), "WARNING")
    answers = _own_standard_output()
    for name in WARM[role]:
        importlib.import_module(name)
    for count, line in enumerate(sys.stdin.buffer, start=1):
        _limit_cpu(seconds)
        answer = answer_to(json.loads(line))
        answer |= {"answers": count, "resident_bytes": resident_bytes()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def hide_home() -> None:
    """Leave only Matplotlib's list of fonts in the user's home.

    The NetCDF library reads settings of its own and of AWS, keys included, from there and from the
    working folder; GDAL reads settings from there and from ``/usr/local``, where it looks for
    plugins, too. A container's user need not have a home.
    """
    home = os.environ.get("HOME") or tempfile.gettempdir()
    os.environ.setdefault("MPLCONFIGDIR", str(Path(home, ".cache", "matplotlib")))
    os.environ |= {"NCRCENV_IGNORE": "1", "HOME": os.devnull}
    os.environ |= {"GDAL_CONFIG_FILE": os.devnull, "GDAL_DRIVER_PATH": os.devnull}


def limit_process(memory_bytes: int) -> None:
    """Cap the address space and leave no core file."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(seconds: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _own_standard_output() -> TextIO:
    """Use the answer pipe for answers only; what a library prints goes to standard error."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def answer_to(request: Mapping[str, Any]) -> dict[str, Any]:
    """The result of one operation, or its error; the task boundary of this process."""
    try:
        operation = operations.OPERATIONS[request["op"]]
        return {"result": operation(request)}
    except Exception as error:
        return _error_of(error)


def _error_of(error: Exception) -> dict[str, Any]:
    """Whose fault it was: the machine's, which is short of something, or the input's.

    Memory is different: a child may use so much, as a rule for inputs.
    """
    shortage = shortage_of(error)
    if isinstance(shortage, OutOfMemory):
        return _error("InputTooLarge", "The input needs more memory than it may have.", "memory")
    if shortage is not None:
        return _error(type(shortage).__name__, str(shortage), "")
    if isinstance(error, InputError):
        return _error(type(error).__name__, str(error), error.rule)
    if isinstance(error, EchocastError):
        return _error("EchocastError", str(error), "internal")
    log.error("An input raised an error that nobody expected.", exc_info=error)
    return _error("UnreadableInput", "The input cannot be read: it is damaged.", "unreadable")


def _error(name: str, message: str, rule: str) -> dict[str, Any]:
    return {"error": {"type": name, "message": message, "rule": rule}}


if __name__ == "__main__":
    main()
