"""The audit log: what was changed, by whom, from where; nothing of it is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from echocast.service.auth.audit import OLD_FILES, AuditLog
from echocast.service.auth.keys import new_key
from tests.service.bodies import NETCDF, netcdf
from tests.service.real_processes import engine, gateway, place, pretend_worker

SECRET, LINE = new_key("admin", "root")


def entries(folder: Path) -> list[dict[str, Any]]:
    """Of all files, in no order."""
    return [json.loads(line) for f in folder.iterdir() for line in f.read_text().splitlines()]


def write_many(folder: Path, writer: int, count: int, limit_bytes: int) -> None:
    log = AuditLog(folder, limit_bytes)
    for number in range(count):
        log.write("test", who=f"writer {writer}", where="here", number=number)


def test_writers_of_several_processes_lose_nothing_and_files_stay_small(tmp_path: Path) -> None:
    folder, limit_bytes = tmp_path / "audit", 2000
    code = f"""
from pathlib import Path
from tests.service.auth.test_audit import write_many
write_many(Path({str(folder)!r}), WRITER, 20, {limit_bytes})
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", code.replace("WRITER", str(n))]) for n in (1, 2)
    ]
    assert [process.wait() for process in writers] == [0, 0]
    noted = {(entry["who"], entry["number"]) for entry in entries(folder)}
    assert noted == {(f"writer {n}", number) for n in (1, 2) for number in range(20)}
    sizes = [file.stat().st_size for file in folder.iterdir()]
    assert len(sizes) > 1
    assert max(sizes) <= limit_bytes


def test_the_oldest_file_goes(tmp_path: Path) -> None:
    write_many(tmp_path, 1, OLD_FILES + 5, limit_bytes=1)
    numbers = [entry["number"] for entry in entries(tmp_path)]
    assert sorted(numbers) == [*range(4, OLD_FILES + 5)]


def test_an_entry_that_the_disk_does_not_take_stands_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    AuditLog(tmp_path / "audit", 1000).write("promote-model", who="me", where="here")
    assert "promote-model" in caplog.text


def test_what_callers_change_is_noted(models: Path) -> None:
    with place(models) as where, engine(where):
        pretend_worker(where)
        with gateway(where, keys=LINE) as gate:
            headers = {"X-API-Key": SECRET, "X-Request-ID": "the-one"}
            gate.client.put("/streams/north", json={"step_minutes": 5}, headers=headers)
            sent = gate.client.post("/nowcast", content=netcdf(), headers={**NETCDF, **headers})
            gate.client.delete(sent.headers["location"], headers=headers)
            gate.client.post("/models/tiny/1/promote", json={"why": "x"}, headers=headers)
        declared, cancelled = entries(where.data / "audit")
        text = (where.data / "audit" / "audit.jsonl").read_text()
    common = {"who": "root", "where": "127.0.0.1", "request_id": "the-one"}
    assert {**declared, **common} == declared
    assert (declared["what"], declared["stream"]) == ("declare-stream", "north")
    assert declared["new"] is True
    assert declared["declared"] == {"step_minutes": 5}
    assert (cancelled["what"], cancelled["status"]) == ("cancel-nowcast", "cancelled")
    assert SECRET not in text
