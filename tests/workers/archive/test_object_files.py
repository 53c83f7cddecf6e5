"""The same files on a local disk and in a real S3 server: they behave alike."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from echocast.workers.archive.files import Files
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.archive.object_files import ObjectFiles
from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.engine.url import embedded_url
from echocast.workers.errors import ArchiveError, DiskFull, NotInArchive
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.stores import StreamStores
from tests.s3_server import s3_bucket
from tests.workers.streams.stream_bench import GRID, Bench

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 server with one bucket."""
    with s3_bucket() as url:
        yield f"{url}/echocast"


@pytest.fixture(params=["disk", "store"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "disk":
        return LocalFiles(tmp_path, free_space_floor_bytes=0)
    url = request.getfixturevalue("bucket")
    return ObjectFiles(f"{url}/{tmp_path.name}", tmp_path / "copies")


def test_what_is_put_is_there_as_a_whole(files: Files) -> None:
    files.put("a/b/one.json", b"1")
    before = files.version("a/b/one.json")
    assert files.get("a/b/one.json") == b"1"
    files.put("a/b/one.json", b"two")
    assert files.get("a/b/one.json") == b"two"
    assert files.version("a/b/one.json") != before
    assert files.version("a/b/none.json") is None
    with pytest.raises(NotInArchive):
        files.get("a/b/none.json")


def test_who_creates_first_wins(files: Files) -> None:
    assert files.create("a/one.json", b"first")
    assert not files.create("a/one.json", b"second")
    assert files.get("a/one.json") == b"first"
    files.delete("a/one.json")
    files.delete("a/one.json")
    assert files.create("a/one.json", b"third")


def test_listings_see_what_others_do(files: Files) -> None:
    assert files.listing("a/b") == []
    assert files.folders("a") == []
    for name in ("z.json", "y.json"):
        files.put(f"a/b/{name}", b"1")
    files.put("a/c/d/x.json", b"1")
    assert [entry.name for entry in files.listing("a/b")] == ["y.json", "z.json"]
    assert files.listing("a") == []
    assert files.folders("a") == ["b", "c"]
    for entry in files.listing("a/b"):
        assert entry.version == files.version(entry.path)
        files.delete(entry.path)
    files.remove_folder("a/b")
    assert files.folders("a") == ["c"]


def test_a_listing_that_is_remembered_notices_every_change(tmp_path: Path) -> None:
    import os

    files = LocalFiles(tmp_path, free_space_floor_bytes=0)
    files.put("a/one.json", b"1")
    os.utime(tmp_path / "a", (1e9, 1e9))
    assert len(files.listing("a")) == 1
    before = files.listing("a")[0].version
    files.put("a/one.json", b"two")
    assert files.listing("a")[0].version != before
    files.put("a/two.json", b"2")
    assert len(files.listing("a")) == 2


def test_the_size_of_a_folder_follows_every_change(files: Files) -> None:
    def size() -> int:
        assert files.folder_bytes("a") == sum(entry.size for entry in files.listing("a"))
        return files.folder_bytes("a")

    assert size() == 0
    files.put("a/one.json", b"1")
    files.put("a/b/below.json", b"not counted")
    assert size() == 1
    files.put("a/one.json", b"two")
    files.put("a/two.json", b"2")
    assert size() == 4
    files.delete("a/one.json")
    assert size() == 1


def test_the_size_of_a_folder_that_does_not_change_is_found_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    files = LocalFiles(tmp_path, free_space_floor_bytes=0)
    files.put("a/one.json", b"1")
    os.utime(tmp_path / "a", (1e9, 1e9))
    assert files.folder_bytes("a") == 1
    with monkeypatch.context() as context:
        context.setattr(os, "scandir", None)
        assert files.folder_bytes("a") == 1
    files.put("a/two.json", b"23")
    assert files.folder_bytes("a") == 3


def test_what_is_written_through_a_local_file_is_read_through_one(files: Files) -> None:
    def write(local: Path) -> None:
        assert files.version("a/one.nc") is None
        local.write_bytes(b"content")

    assert files.add(write, lambda digest: f"a/one{'.nc' * (digest.size == 7)}") == "a/one.nc"
    assert files.local("a/one.nc").read_bytes() == b"content"
    with pytest.raises(NotInArchive):
        files.local("a/none.nc")


def test_a_write_that_fails_leaves_nothing(files: Files) -> None:
    def fail(local: Path) -> None:
        local.write_bytes(b"con")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        files.add(fail, lambda _: "a/one.nc")
    assert files.version("a/one.nc") is None


def test_a_disk_below_its_floor_takes_nothing_more(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path, free_space_floor_bytes=2**60)
    with pytest.raises(DiskFull):
        files.check_space()


def test_a_store_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="nowhere"):
        ObjectFiles("nowhere://bucket", tmp_path)


def test_a_stream_in_a_store_scores_itself_like_one_on_disk(bucket: str, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ec-") as root, EmbeddedEngine(Path(root)):
        engine = EngineClient(embedded_url(Path(root)), 5)
        benches: list[Any] = [Bench(tmp_path / "disk", engine, "disk")]
        stored = Bench(tmp_path / "unused", engine, "stored")
        stored.stores = StreamStores.of(ObjectFiles(f"{bucket}/scored", tmp_path / "copies"))
        stored.scorer = Scorer(stored.stores, stored.sums)
        stored.stores.streams.declare(stored.stream)
        stored.set_origin(GRID)
        benches.append(stored)
        for bench in benches:
            for slot in range(3):
                bench.put(slot, seed=slot)
                bench.issue(slot)
            bench.put(1, seed=9)
            bench.score()
            assert bench.agrees()
        assert benches[0].sums.totals("disk") == benches[1].sums.totals("stored")
        engine.close()
