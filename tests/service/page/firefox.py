"""Debian's Firefox, driven by WebDriver BiDi: Playwright drives only a Firefox of its own."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.patience import PATIENCE_SECONDS

NAMES = ("firefox-esr", "firefox")
WHERE = next((path for name in NAMES if (path := shutil.which(name))), None)
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
# Of its own it asks nobody; what the page asks is then all that is asked.
PREFERENCES = {
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "toolkit.telemetry.enabled": False,
}
EVENTS = ["log.entryAdded", "network.beforeRequestSent"]


@dataclass
class Tab:
    """A tab, what it asked for and what it complained of.

    Args:
        connection: To the browser.
        name: The browser's own, of the tab.
        requests: Addresses.
        complaints: Errors and warnings of its console.
    """

    connection: ClientConnection
    name: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers.

        Raises:
            AssertionError: It refuses.
        """
        number = next(self._numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.connection.recv(timeout=PATIENCE_SECONDS))
            if message.get("id") == number:
                assert "result" in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "network.beforeRequestSent":
            self.requests.append(params["request"]["url"])
        elif message.get("method") == "log.entryAdded" and params["level"] in ("error", "warn"):
            self.complaints.append(str(params["text"]))

    def open(self, url: str) -> None:
        """Go to an address."""
        self.command("browsingContext.navigate", context=self.name, url=url, wait="complete")

    def value(self, expression: str) -> Any:
        """Of an expression of JavaScript, as JSON has it."""
        words = {"expression": f"JSON.stringify({expression})", "awaitPromise": True}
        answer = self.command("script.evaluate", target={"context": self.name}, **words)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))

    def wait_for(self, expression: str) -> None:
        """Until an expression is true."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < give_up, f"{expression}; {self.complaints}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """A key, as a keyboard has it (a code point of WebDriver)."""
        actions = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self.command("input.performActions", context=self.name, actions=[keyboard])

    def picture(self) -> str:
        """A PNG, by base64."""
        return str(self.command("browsingContext.captureScreenshot", context=self.name)["data"])


@contextmanager
def firefox(folder: Path, width: int, height: int) -> Iterator[Tab]:
    """A tab of a fresh browser.

    Args:
        folder: Where its profile is made.
        width: Of the page (CSS pixels).
        height: Of the page (CSS pixels).
    """
    assert WHERE is not None
    lines = [f"user_pref({json.dumps(n)}, {json.dumps(v)});" for n, v in PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines))
    command = [WHERE, "--headless", "--no-remote", "--profile", str(folder)]
    log = folder / "stderr.txt"
    environment = {
        **os.environ,
        "HOME": str(folder),
        "TZ": "Europe/Zurich",
        "MOZ_CRASHREPORTER_DISABLE": "1",
    }
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, "--remote-debugging-port", "0"],
            stderr=errors,
            stdout=errors,
            env=environment,
        )
    try:
        with connect(f"{_address(log, process)}/session", max_size=None) as connection:
            tab = Tab(connection)
            tab.command("session.new", capabilities={})
            tab.command("session.subscribe", events=EVENTS)
            tab.name = tab.command("browsingContext.getTree")["contexts"][0]["context"]
            size = {"width": width, "height": height}
            tab.command("browsingContext.setViewport", context=tab.name, viewport=size)
            yield tab
            tab.command("browser.close")
    finally:
        process.terminate()
        process.wait()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Where it listens, which it says once it does."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (listening := LISTENING.search(log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)
    return listening[1]
