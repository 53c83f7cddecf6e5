"""The key that `echocast watch` and `replay` send."""

from __future__ import annotations

from pathlib import Path

import pytest

from echocast.service.client.errors import KeyUnusable
from echocast.service.client.secret import client_secret


def test_a_file_goes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("echocast_abc\n")
    assert client_secret(file, {"ECHOCAST_KEY": "other"}) == "echocast_abc"
    assert client_secret(None, {"ECHOCAST_KEY": "other"}) == "other"
    assert client_secret(None, {}) == ""


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"\xff", "é".encode()])
def test_what_is_no_key_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(KeyUnusable, match=str(file)):
        client_secret(file, {})
    with pytest.raises(KeyUnusable):
        client_secret(tmp_path / "none", {})
