"""The ``echocast`` command in this process: each start of another takes most of a second."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import pytest

from echocast.service.cli.main import main


def echocast(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a command says and how it ends; one that starts processes or goes on is no matter of it.

    Args:
        arguments: Of the command line.
        environment: Variables beside those of this process.
    """
    output, error = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment),
        patch.object(sys, "argv", ["echocast", *arguments]),
        redirect_stdout(output),
        redirect_stderr(error),
        pytest.raises(SystemExit) as end,
    ):
        main()
    status = int(end.value.code or 0)
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), error.getvalue())
