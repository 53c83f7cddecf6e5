"""What the check for leaks finds, on files of small tests that leave something behind."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent
HEADER = """
import os, resource, signal, subprocess, sys, threading, warnings
import pytest
import tests.leaks

tests.leaks.GRACE_SECONDS = 0.5

def start(seconds=60):
    return subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
"""
LEAVES = {
    "thread": "threading.Thread(target=threading.Event().wait, args=(9,), daemon=True).start()",
    "child process": "global child; child = start()",
    "environment variable": "os.environ['LEFT'] = 'here'",
    "limit": "resource.setrlimit(resource.RLIMIT_FSIZE, (10**9, resource.RLIM_INFINITY))",
    "data folder": "os.mkdir('echocast-data')",  # of the working folder that the run began in
    "working folder": "os.chdir('/')",
    "umask": "os.umask(0o077)",
    "signal handler": "signal.signal(signal.SIGUSR1, lambda *_: None)",
}
CLEAN = """
def test_clean(monkeypatch):
    tests.leaks.GRACE_SECONDS = 60  # however busy the machine is
    monkeypatch.setenv("LEFT", "for a while")
    warnings.simplefilter("ignore")  # pytest itself restores these after each test
    with start(0) as ended:
        pass
    threading.Timer(0.2, print).start()  # ends within the grace
"""
END = """
def test_end():
    tests.leaks.GRACE_SECONDS = 0.5
    child.kill(), child.wait()
    with pytest.warns(UserWarning):
        warnings.warn("These filters are as pytest set them.")
"""
WIDER = """
@pytest.fixture(scope="module")
def child():
    with start() as child:
        yield child
        child.kill()  # at the end

@pytest.fixture(scope="session")
def forgotten():
    return start()

def test_first():
    pass

def test_wider_fixtures_are_not_blamed_on_the_test(request):
    request.getfixturevalue("child")
    request.getfixturevalue("forgotten")

@pytest.fixture(scope="module")
def children():
    started = [start()]
    yield started
    for child in started:
        child.kill()
        child.wait()

def test_a_test_may_start_anew_what_a_wider_fixture_ends(children):
    with tests.leaks.belonging_to("module"):
        children.append(start())

def test_last():
    pass
"""


def outcomes(folder, program):
    """Messages of the tests that failed, by name; None for those that passed."""
    (folder / "test_small.py").write_text(HEADER + program)
    words = ["-p", "tests.leaks", "-p", "no:cacheprovider", "--junitxml=out.xml", "-c", "none.ini"]
    (folder / "none.ini").touch()
    command = [sys.executable, "-m", "pytest", *words, "test_small.py"]
    subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, timeout=PATIENCE_SECONDS
    )
    cases = ElementTree.parse(folder / "out.xml").iter("testcase")
    return {case.get("name"): case[0].text if len(case) else None for case in cases}


def environment():
    """Of a run with no options but its own."""
    ours = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    return {**os.environ, "PYTHONPATH": str(ROOT), **ours}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    tests = [f"def test_{number}():\n    {leak}\n" for number, leak in enumerate(LEAVES.values())]
    program = "\n".join([*tests, CLEAN, END])
    return outcomes(tmp_path_factory.mktemp("small"), program)


@pytest.mark.parametrize("kind", LEAVES)
def test_a_test_that_leaves_something_fails(small, kind):
    assert f"This function leaves: {kind} " in small[f"test_{list(LEAVES).index(kind)}"]


def test_a_test_that_cleans_up_passes_and_no_leak_is_reported_twice(small):
    assert small["test_clean"] is None
    assert small["test_end"] is None


def test_what_wider_fixtures_start_is_checked_at_the_end_of_their_scope(tmp_path):
    *before, last = outcomes(tmp_path, WIDER).values()
    assert before == [None] * 3
    assert "This session leaves: child process" in last


def test_a_module_that_leaves_something_fails_at_its_end(tmp_path):
    program = WIDER.replace(
        "child.kill()  # at the end", "os.environ['LEFT'] = 'here'; child.kill()"
    )
    last = list(outcomes(tmp_path, program).values())[-1]
    assert "This module leaves: environment variable LEFT was None and is 'here'" in last
