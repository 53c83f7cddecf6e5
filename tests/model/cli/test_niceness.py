"""Long work yields the CPU to others, also to those of other sessions."""

import subprocess
import sys

import pytest

from echocast.model.cli.niceness import SESSION
from tests.patience import PATIENCE_SECONDS

PROGRAM = """
import os
from echocast.model.cli.niceness import SESSION, yield_to_others
yield_to_others(7)
print(os.nice(0))
print(SESSION.read_text() if SESSION.exists() else "")
"""


def niceness(*, leads: bool) -> tuple[int, str]:
    """Of a process that yields by 7, and of its session: "" where the kernel weighs none.

    Args:
        leads: Whether the process leads a session of its own.
    """
    command = ["nice", "-n", "1", sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=leads,
        timeout=PATIENCE_SECONDS,
    )
    process, session = done.stdout.split("\n", 1)
    return int(process), last(session)


def last(text: str) -> str:
    """The last word: a session's niceness; a session the kernel doesn't weigh says nothing."""
    return (text.split() or [""])[-1]


@pytest.mark.parametrize("leads", [False, True])
def test_a_process_yields_by_its_niceness(leads):
    own = int(subprocess.run(["nice"], capture_output=True, text=True, check=True).stdout)
    assert niceness(leads=leads)[0] == min(19, own + 1 + 7)


def test_a_session_of_its_own_yields_with_it():
    session = niceness(leads=True)[1]
    if not session:
        pytest.skip("SESSIONS' PRIORITY NOT TESTED: this kernel weighs no sessions")
    assert session == "7"


def test_a_session_that_another_process_leads_stays_as_it_is():
    ours = last(SESSION.read_text()) if SESSION.exists() else ""
    assert niceness(leads=False)[1] == ours
