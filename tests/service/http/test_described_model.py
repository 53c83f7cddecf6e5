"""Attribute docstrings stand in a model's JSON schema, and are read only when it is made."""

from pydantic import Field

from echocast.service.http.described_model import DescribedModel


class Rain(DescribedModel):
    """How hard it rains."""

    rate: float
    """In mm/h,
    at the ground."""
    place: str = Field(default="", description="Stated by the field.")
    """Not this."""
    minutes: int = 0


class Hail(Rain):
    """Rain with stones."""

    size: float | None = None
    """In mm."""


def descriptions(model: type[DescribedModel]) -> dict[str, str | None]:
    schema = model.model_json_schema()
    return {name: field.get("description") for name, field in schema["properties"].items()}


def test_each_field_is_described_by_the_docstring_below_it():
    rain = {"rate": "In mm/h,\nat the ground.", "place": "Stated by the field."}
    assert descriptions(Rain) == {**rain, "minutes": None}
    assert descriptions(Hail) == {**rain, "minutes": None, "size": "In mm."}


def test_a_model_within_another_is_described_too():
    class Day(DescribedModel):
        rain: Rain
        """Of the day."""

    schema = Day.model_json_schema()
    assert schema["properties"]["rain"]["description"] == "Of the day."
    assert schema["$defs"]["Rain"]["properties"]["rate"]["description"].startswith("In mm/h")
