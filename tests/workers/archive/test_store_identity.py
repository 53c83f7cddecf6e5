"""An engine and an archive that do not belong together are found out before a job is lost."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echocast.workers.archive.archive import Archive
from echocast.workers.archive.store_identity import STORE_KEY, check_same_store, check_same_streams
from echocast.workers.errors import AnotherStore
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import World


def test_an_archive_has_one_name_even_where_many_ask_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        names = set(pool.map(lambda _: Archive(tmp_path / "store").identity(), range(64)))
    assert names == {Archive(tmp_path / "store").identity()}
    assert names != {Archive(tmp_path / "other").identity()}


def test_an_engine_knows_its_archive(world: World, tmp_path: Path) -> None:
    engine = world.jobs.engine
    for _ in range(2):
        check_same_store(engine, world.archive)
    with pytest.raises(AnotherStore, match="on a disk they share"):
        check_same_store(engine, Archive(tmp_path / "store"))
    engine.redis.delete(STORE_KEY)
    check_same_store(engine, Archive(tmp_path / "store"))


@pytest.mark.parametrize("module", ["echocast.workers", "echocast.service.processes.gateway"])
@pytest.mark.parametrize("lacking", ["ECHOCAST_DATA_DIR", "ECHOCAST_STREAMS_URL"])
def test_who_has_another_archive_or_other_streams_refuses_to_start(
    module: str, lacking: str, world: World, tmp_path: Path
) -> None:
    check_same_store(world.jobs.engine, world.archive)
    check_same_streams(world.jobs.engine, "s3://bucket/streams")
    theirs = {
        "ECHOCAST_DATA_DIR": str(world.settings.data_dir),
        "ECHOCAST_STREAMS_URL": "s3://bucket/streams",
    }
    settings = {
        **theirs,
        lacking: str(tmp_path),
        "ECHOCAST_REDIS_URL": world.settings.engine_url,
        "ECHOCAST_PORT": "0",
        "OMP_NUM_THREADS": "1",
        "ECHOCAST_LOG_LEVEL": "ERROR",  # without the line that says what the process may use
    }
    refused = subprocess.run(
        [sys.executable, "-m", module], env=settings, capture_output=True, timeout=PATIENCE_SECONDS
    )
    assert refused.returncode != 0
    (sentence,) = [line for line in refused.stderr.decode().splitlines() if line]
    assert f"all hosts need one {lacking}" in sentence
