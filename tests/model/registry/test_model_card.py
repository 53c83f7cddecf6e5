"""Cards beside the weights: their front matter, in step with manifest and licence."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from echocast.model.registry.model_card import front_matter

ROOT = Path(__file__).parents[3]
CARDS = sorted((ROOT / "model" / "weights").glob("*/*/card.md"))


def facts(text):
    """What the front matter of a card says."""
    empty, matter, _ = text.split("---\n", 2)
    assert not empty
    return yaml.safe_load(matter)


def test_every_shipped_model_has_a_card():
    manifests = (ROOT / "model" / "weights").glob("*/*/manifest.json")
    assert [path.with_name("card.md") for path in sorted(manifests)] == CARDS != []


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_a_card_is_in_step_with_its_manifest(path):
    text, manifest = path.read_text(), json.loads(path.with_name("manifest.json").read_text())
    licence = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"].lower()
    name, version = manifest["name"], manifest["version"]
    heading = f"# {name} {version}\n"
    assert text.startswith(front_matter(f"{name}/{version}", licence) + heading)
    assert f"{manifest['parameters'] / 1e6:.2f} M parameters" in " ".join(text.split())
    thresholds = ", ".join(f"{dbz:g}" for dbz in manifest["network"]["exceedance_thresholds_dbz"])
    assert f"at {thresholds} dBZ" in text


def test_front_matter_is_yaml_with_what_the_hub_reads():
    known = facts(front_matter("radar-small/2.0", "bsd-3-clause") + "# Title\n")
    assert (known["license"], known["library_name"]) == ("bsd-3-clause", "echocast")
    assert known["model_name"] == "radar-small 2.0"
    assert known["pipeline_tag"] == "time-series-forecasting"
    for key in ("tags", "metrics"):
        assert known[key]
        assert all(isinstance(word, str) for word in known[key])


def test_a_licence_that_nobody_stated_is_not_guessed():
    assert "license" not in facts(front_matter("radar-small/retrained"))
