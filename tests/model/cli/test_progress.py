"""Progress: silent for two seconds, then shown."""

import itertools

from echocast.model.cli import progress
from echocast.model.cli.progress import watched


def test_quick_work_is_silent(capsys):
    assert list(watched([1, 2, 3], "Counting")) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_slow_work_is_shown(capsys, monkeypatch):
    clock = itertools.count(100.0, 40.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(watched([1, 2, 3], "Counting")) == [1, 2, 3]
    assert "Counting" in capsys.readouterr().err
