"""The API key that a client command sends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from echocast.service.client.errors import KeyUnusable


def client_secret(file: Path | None, environment: Mapping[str, str]) -> str:
    """The secret in a file, else in ``ECHOCAST_KEY``; empty where there is neither.

    Args:
        file: Holds the secret alone, as the first line of ``echocast key``.
        environment: Of the process.

    Raises:
        KeyUnusable: The file can't be read, or what it holds can't be sent as a key.
    """
    if file is None:
        return _sendable(environment.get("ECHOCAST_KEY", ""), "ECHOCAST_KEY")
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"The key file {file} cannot be read: {error}.") from error
    if not text.strip():
        raise KeyUnusable(f"The key file {file} is empty; it holds the secret of one key.")
    return _sendable(text, str(file))


def key_header(secret: str) -> dict[str, str]:
    """The header that carries a key; none for an empty one."""
    return {"Authorization": f"Bearer {secret}"} if secret else {}


def _sendable(text: str, source: str) -> str:
    secret = text.strip()
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise KeyUnusable(
            f"{source} holds no key that can be sent: a key is one word of ASCII characters, the"
            " first line that 'echocast key' prints."
        )
    return secret
