"""Methods of pysteps as references; those that need it are skipped where it is not installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from echocast.model.errors import EchocastError
from echocast.model.verification import pysteps_references as references
from echocast.model.verification.pysteps_references import Peer
from tests.model.library.peers import PEERS, peer, run_beside_peers

SIDE, STEPS = 64, 3
RUN = """
import numpy as np
from echocast.model.synthetic.storms import storm
from echocast.model.verification.pysteps_references import chosen, reference

frames = storm(3, frames=10, height={side}, width={side})
made = reference(chosen({peers}))(frames, {steps})
np.savez("made.npz", newest=frames.reflectivity_dbz[-1], **made.fields, **made.probabilities)
"""


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert references.chosen(None) == ()
    with pytest.raises(EchocastError, match="linda needs the package pysteps"):
        references.reference(references.chosen(["linda"]))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "pysteps" or None)
    assert references.chosen(None) == (Peer.LK, Peer.SPROG)
    with pytest.raises(EchocastError, match="scikit-image"):
        references.reference(references.chosen(["linda"]))


def test_unknown_references_are_refused_and_none_is_none():
    assert references.chosen(["none"]) == ()
    assert references.chosen(["steps", "lk", "steps"]) == (Peer.STEPS, Peer.LK)
    with pytest.raises(EchocastError, match="not 'rainymotion'"):
        references.chosen(["rainymotion"])


def made_by(peers: list[str], folder: Path) -> dict[str, np.ndarray]:
    peer("pysteps")
    run_beside_peers(RUN.format(peers=peers, side=SIDE, steps=STEPS), folder)
    with np.load(folder / "made.npz") as arrays:
        return dict(arrays)


def check_field(made: dict[str, np.ndarray], name: str) -> None:
    """In dBZ, missing where extrapolation is, and its first lead like the newest frame."""
    field, moved = made[name], made["pysteps LK"]
    assert field.shape == (STEPS, SIDE, SIDE)
    np.testing.assert_array_equal(np.isnan(field), np.isnan(moved))
    first, newest = np.nan_to_num(field[0]), np.clip(made["newest"], 0, None)
    assert 0 <= first.min() <= first.max() < 70
    assert np.corrcoef(first.ravel(), newest.ravel())[0, 1] > 0.5


def test_fields_are_in_dbz_and_an_ensemble_gives_shares(tmp_path):
    made = made_by(["lk", "sprog", "anvil", "steps"], tmp_path)
    for name in ("pysteps S-PROG", "pysteps ANVIL"):
        check_field(made, name)
    probability = made["pysteps STEPS"]
    known = probability[np.isfinite(probability)]
    assert probability.shape == (6, STEPS, SIDE, SIDE)
    assert 0 <= known.min() < known.max() <= 1
    assert (np.diff(np.nan_to_num(probability), axis=0) <= 0).all()  # fewer reach more


def test_linda_is_in_dbz(tmp_path):
    if not importlib.util.find_spec("skimage") and not (PEERS / "skimage").is_dir():
        pytest.skip("LINDA NOT TESTED: scikit-image")
    check_field(made_by(["lk", "linda"], tmp_path), "pysteps LINDA")
