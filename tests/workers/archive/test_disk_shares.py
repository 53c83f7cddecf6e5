"""Without settings, streams and nowcasts of no stream fit the disk that is there."""

from pathlib import Path

import pytest

from echocast.workers.archive.disk_shares import GB, adhoc_limit_bytes, stream_limit_gb
from echocast.workers.archive.local_files import LocalFiles


class Disk(LocalFiles):
    """A disk of so many GB."""

    def __init__(self, root: Path, gb: float) -> None:
        super().__init__(root, free_space_floor_bytes=0)
        self.gb = gb

    def disk_bytes(self) -> int:
        return round(self.gb * GB)


@pytest.mark.parametrize("gb", [1, 25, 100, 4000])
@pytest.mark.parametrize("streams", [0, 1, 2, 7])
def test_all_streams_and_nowcasts_leave_a_fifth_of_the_disk(
    tmp_path: Path, gb: float, streams: int
) -> None:
    disk = Disk(tmp_path, gb)
    taken = streams * stream_limit_gb(disk, None, streams) + adhoc_limit_bytes(disk, None) / GB
    assert taken <= 0.8 * gb + 1e-9


def test_a_disk_of_25_gb_has_ten_for_a_stream_and_five_for_nowcasts(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 25)
    assert (stream_limit_gb(disk, None, 1), stream_limit_gb(disk, None, 2)) == (10, 7.5)
    assert adhoc_limit_bytes(disk, None) == 5 * GB


def test_a_large_disk_changes_nothing_and_settings_go_before(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 4000)
    assert stream_limit_gb(disk, None, 3) == 10
    assert adhoc_limit_bytes(disk, None) == 20 * 2**30
    assert stream_limit_gb(disk, 70.0, 3) == 70
    assert adhoc_limit_bytes(disk, 7) == 7
