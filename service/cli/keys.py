"""``echocast key``: make, list and revoke API keys."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.cli.help_pages import example
from echocast.model.cli.plain_options import Json
from echocast.service.cli.options import service_settings

if TYPE_CHECKING:
    from echocast.service.auth.keys import Key

SCOPES = {
    "read": "Make a key that reads nowcasts, streams, scores and metrics.",
    "submit": "Make a key that reads, submits nowcasts and feeds streams.",
    "admin": "Make a key that does all that, promotes models and cancels any nowcast.",
}
HELP = """Make, list and revoke API keys.

A client sends its key as the header `Authorization: Bearer KEY` or `X-API-Key: KEY`;
`echocast watch` and `replay` read it from ECHOCAST_KEY or --key-file.
"""
File = Annotated[
    Path | None, typer.Option("--file", envvar="ECHOCAST_KEYS_FILE", help="The key file.")
]

app = typer.Typer(no_args_is_help=True, help=HELP)


def _make(scope: str) -> Callable[..., None]:
    def make(
        name: Annotated[
            str, typer.Argument(help="Name of the key's owner; options may follow it.")
        ] = "unnamed",
        expires: Annotated[
            str | None, typer.Option(help="Date or time in ISO 8601 from which on it is refused.")
        ] = None,
        file: File = None,
    ) -> None:
        from echocast.service.auth.key_file import store_key
        from echocast.service.auth.keys import Key, new_key

        secret, line = new_key(scope, f"{name} expires={expires}" if expires else name)
        if file is not None:
            store_key(file, line)
            audit_command(None, "make-key", **_facts(Key.parse(line)))
            typer.echo(f"The key is stored in {file}.", err=True)
        typer.echo(f"{secret}\n{line}")

    return make


for _scope, _summary in SCOPES.items():
    _more = "Line 1 is for the caller; line 2 goes into the key file, or ECHOCAST_KEYS after a `;`."
    _text = f"echocast key {_scope} radar-site --file keys.txt"
    app.command(_scope, help=f"{_summary}\n\n{_more}", epilog=example(_text))(_make(_scope))


@app.command("list", epilog=example("echocast key list --file keys.txt"))
def show(file: File = None, as_json: Json = False) -> None:
    """Show the keys of the key file, without their secrets, which nobody has."""
    from echocast.service.auth.key_ring import read_keys

    keys = [_facts(key) for key in read_keys(_given(file))]
    if as_json:
        typer.echo(json.dumps(keys))
        return
    for key in keys:
        options = " ".join(f"{name}={key[name]}" for name in key if name not in SHOWN_FIRST)
        typer.echo(f"{key['sha256'][:8]}  {key['scope']:6} {key['name']}  {options}".rstrip())


@app.command(epilog=example("echocast key revoke radar-site --file keys.txt"))
def revoke(
    name: Annotated[str, typer.Argument(help="Of the owner, or 8 digits or more of the hash.")],
    file: File = None,
) -> None:
    """Remove keys from the key file; gateways refuse them within a second or two."""
    from echocast.service.auth.key_file import revoke_keys

    for key in revoke_keys(_given(file), name):
        audit_command(None, "revoke-key", **_facts(key))
        typer.echo(f"Revoked: {key.sha256[:8]} {key.scope} {key.name}")


SHOWN_FIRST = ("sha256", "scope", "name")


def _facts(key: Key) -> dict[str, Any]:
    """What the line of a key says, as JSON; what it leaves out is not there."""
    facts: dict[str, Any] = {"sha256": key.sha256, "scope": key.scope, "name": key.name}
    if key.own_jobs:
        facts["jobs"] = "own"
    if key.streams is not None:
        facts["streams"] = ",".join(sorted(key.streams))
    if key.weight != 1:
        facts["weight"] = key.weight
    if key.expires is not None:
        facts["expires"] = key.expires.isoformat()
        facts["expired"] = key.has_expired(datetime.now(UTC))
    return facts


def audit_command(data: Path | None, what: str, **facts: Any) -> None:
    """Note in the audit log of a data folder (None: that of the settings) what a user did."""
    from echocast.service.auth.audit import AuditLog

    settings = service_settings(data_dir=data)
    audit = AuditLog(settings.audit_directory, settings.audit_limit_bytes)
    audit.write(what, who=user_name(), where=socket.gethostname(), **facts)


def user_name() -> str:
    """Of this process."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"user {os.getuid()}"


def _given(file: Path | None) -> Path:
    from echocast.service.errors import StartRefused

    if file is None:
        raise StartRefused("Which key file? Set ECHOCAST_KEYS_FILE, or name it by --file.")
    return file
