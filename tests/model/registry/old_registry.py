"""Write a folder of models as an earlier version of Echocast did, file by file.

It kept ``aliases.json`` beside the history, a copy of the newest roles for people.
"""

import json
import shutil
from pathlib import Path

STARTED, RETRAINED, APPOINTED, PROMOTED = (
    "20260601T060000.000001Z",
    "20260608T031500.250000Z",
    "20260608T031500.500000Z",
    "20260608T031501.000000Z",
)


def old_registry(root: Path, checkpoint: Path, *, copy: bool = True, history: bool = True) -> Path:
    """Models tiny/0 (canary, previous) and tiny/1 (champion), a retraining and its report.

    Args:
        root: Folder to write.
        checkpoint: What both models are.
        copy: Whether ``aliases.json`` is still there.
        history: Whether there is one yet.
    """
    for version in ("0", "1"):
        place = root / "tiny" / version
        shutil.copytree(checkpoint, place)
        manifest = json.loads((place / "manifest.json").read_text())
        manifest |= {"name": "tiny", "version": version, "retrained_from": "tiny/0"}
        (place / "manifest.json").write_text(json.dumps(manifest))
        (place / "card.md").write_text("# tiny\n")
    first = {"champion": "tiny/0", "canary": "tiny/0"}
    newest = {"champion": "tiny/1", "canary": "tiny/0", "previous": "tiny/0"}
    if copy:
        (root / "aliases.json").write_text(json.dumps(newest, indent=2) + "\n")
    if history:
        _entry(root, STARTED, "start", aliases=first)
        _entry(root, RETRAINED, "retrain", facts=_retraining(root))
        _entry(root, APPOINTED, "alias", aliases={**first, "challenger": "tiny/1"})
        _entry(root, PROMOTED, "promote", aliases=newest)
        _entry(
            root, "20260609T000000.000000Z", "mend", why="aliases.json said {}; it was made again."
        )
    (root / ".retraining-fence").write_text("7")
    (root / ".lock").touch()
    return root


def _entry(root: Path, stamp: str, what: str, **fields: object) -> None:
    time = (
        f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:22]}+00:00"
    )
    value = {"time": time, "what": what, "who": "beat", "why": "A week has gone.", "facts": {}}
    path = root / "history" / f"{stamp}_{what}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**value, "scores": None, "aliases": None, **fields}))


def _retraining(root: Path) -> dict[str, object]:
    page = root / "reports" / "20260608" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html></html>")
    return {
        "id": "20260608",
        "verdict": "promote",
        "because": "CSI-40 0.300 against 0.250.",
        "champion": "tiny/0",
        "challenger": "tiny/1",
        "report": "reports/20260608/index.html",
        "promoted": True,
    }
