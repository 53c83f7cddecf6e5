"""Inspection in words: what is read in radar files, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A report for people."""
    yield from lines_of_reading(report)
    verdict = report["nowcast"]
    yield f"  nowcast: {'accepted' if verdict['accepted'] else 'refused'}. {verdict['why']}"


def lines_of_reading(report: Mapping[str, Any]) -> Iterator[str]:
    """What was read, for people; not whether it makes a nowcast."""
    for file in report["files"]:
        yield (
            f"{file['name']}: {file['kind']}, {file['variable']} in {file['units']},"
            f" {file['times']} frame{'s' * (file['times'] != 1)}"
        )
    yield from _facts(report)
    for subject, sentence in report["quality"].items():
        yield f"  note ({subject}): {sentence}"


def _facts(report: Mapping[str, Any]) -> Iterator[str]:
    times, grid, shares = report["times"], report["grid"], report["shares"]
    step = times["step_minutes"]
    yield f"  times: {times['first']} to {times['last']}" + (
        "" if step is None else f", every {step:g} minutes"
    )
    size = "of unknown size" if grid["pixel_km"] is None else f"of {grid['pixel_km']:g} km"
    yield f"  grid: {grid['rows']} x {grid['columns']} pixels {size}, {_projection(grid)}"
    if "geospatial_lat_min" in grid:
        yield (
            f"  place: {grid['geospatial_lat_min']:g} to {grid['geospatial_lat_max']:g} north,"
            f" {grid['geospatial_lon_min']:g} to {grid['geospatial_lon_max']:g} east"
        )
    yield "  pixels: " + ", ".join(f"{share:.1%} {name}" for name, share in shares.items())
    weakest = report["weakest_echo_dbz"]
    strongest = [value for value in report["strongest_dbz"] if value is not None]
    echoes = "none" if weakest is None else f"{weakest:g} to {max(strongest):g} dBZ"
    yield f"  echoes: {echoes}; dry is {report['no_rain_dbz']:g} dBZ"
    yield f"  Z-R: Z = {report['zr']['a']:g} R^{report['zr']['b']:g}"
    for name, text in report["provenance"].items():
        yield f"  {name}: {text}"


def _projection(grid: Mapping[str, Any]) -> str:
    names = {"1": "at an unknown place", "degree": "longitude and latitude"}
    return grid["projection"] or names.get(grid["units"], "without a projection")
