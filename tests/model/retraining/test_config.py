"""What a retraining is asked for is checked before anything is collected."""

import json

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import InputError
from echocast.model.retraining.config import RetrainingConfig, config_of


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": "many"}, "steps has to be a whole number, 1 or more (optimiser steps), not 'm"),
        ({"steps": -3}, "not -3"),
        ({"steps": 2.5}, "not 2.5"),
        ({"steps": True}, "not True"),
        ({"crop": 7}, "crop has to be a whole number, 16 or more (pixels"),
        ({"held_out_share": 3}, "held_out_share has to be a number from 0.01 to 0.98"),
        ({"held_out_share": 0.6, "calibration_share": 0.4}, "less than 1, not 1"),
        ({"days": float("nan")}, "days has to be"),
        ({"streams": "syn"}, "streams has to be a list"),
        ({"streams": [3]}, "the name of a stream, not [3]"),
        ({"bfloat16": 1}, "true or false"),
        ({"rules": {"wet_share": 2}}, "rules.wet_share has to be"),
        ({"rules": 2}, "rules has to be a JSON object"),
        ({"gate": {"better_at_dbz": 41}}, "gate.better_at_dbz has to be one of 20, 30"),
        ({"gate": {"persistence_dbz": 30}}, "gate.persistence_dbz has to be a list"),
        ({"gate": {"speed": 1}}, "gate has no field 'speed'; known are worst_csi_loss"),
        ({"rules": {"wet_share": False}}, "rules.wet_share has to be a number from 0 to 1 (share"),
        ({"days": "60"}, "days has to be a number from 0.01 to 36500 (days before the newest"),
        ({"seed": 2**32}, "seed has to be a whole number from 0 to 4294967295 (of everything"),
        ({"streams": [""]}, "streams has to be a list, each item the name of a stream, not ['']"),
        ({"gate": {"persistence_dbz": [30, 31]}}, "each item one of 20, 30, 35, 40, 45, 50 (dBZ)"),
        ({"gate": None}, "gate has to be a JSON object of fields, not None"),
        ({"stepz": 3}, "no field 'stepz'; known are streams, days"),
        ([], "has to be a JSON object of fields, not []"),
    ],
)
def test_a_field_that_is_not_allowed_is_named_with_what_is(given, message):
    with pytest.raises(InputError) as refused:
        config_of(json.dumps(given))
    assert message in str(refused.value)


def test_what_is_no_json_is_refused():
    with pytest.raises(InputError, match="is no JSON"):
        config_of("{steps: 3}")


def test_a_configuration_made_in_python_is_checked_too():
    with pytest.raises(ValidationError, match="steps"):
        RetrainingConfig(steps=0)
    with pytest.raises(ValidationError, match="frozen"):
        RetrainingConfig().steps = 3


def test_a_configuration_comes_back_from_json():
    config = config_of('{"streams": ["a"], "gate": {"persistence_dbz": [20]}, "days": 3}')
    assert RetrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert (config.days, config.streams, config.gate.persistence_dbz) == (3, ("a",), (20,))


@pytest.mark.parametrize(
    "option", [("--config", '{"steps": 0}'), ("--device", "tpu"), ("--device", "cuda:99"),
               ("--threads", "-4"), ("--niceness", "99")],
)  # fmt: skip
def test_a_bad_option_leaves_nothing_behind(tmp_path, option):
    work = tmp_path / "work"
    places = ["--work", str(work), "--models-dir", str(tmp_path / "models")]
    answer = CliRunner().invoke(app, ["retrain", str(tmp_path), *places, *option])
    output = answer.output + str(answer.exception)
    assert option[0] in output or "steps has to be" in output
    assert isinstance(answer.exception, (SystemExit, InputError))
    assert not work.exists()


@pytest.mark.parametrize(
    "option", [("--steps", "0"), ("--batch", "-1"), ("--balance", "2"), ("--preset", "big")]
)
def test_a_bad_option_of_a_training_is_refused(tmp_path, option):
    answer = CliRunner().invoke(
        app, ["train", "network", str(tmp_path), "--output", "run", *option]
    )
    assert answer.exit_code == 2
    assert option[0] in answer.output


def test_the_help_tells_every_field_with_its_default():
    output = CliRunner().invoke(app, ["retrain", "--help"], env={"COLUMNS": "200"}).output
    for words in ("steps: a whole number, 1 or more (optimiser steps); default 600", "rules.wet_sh",
                  "gate.fewest_storms: a whole number, 0 or more (cores of 40 dBZ"):  # fmt: skip
        assert words in output
