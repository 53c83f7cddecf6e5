"""ODIM_H5 composites of random conventions (OPERA Data Information Model 2.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.random import Generator
from pyproj import Transformer

from tests.differential.truth import (
    PROJECTIONS,
    SIDE,
    Truth,
    Values,
    degrees,
    drawn_rain,
    drawn_times,
    picked,
    plane,
    rates_as_dbz,
)

QUANTITIES = ("DBZH", "TH", "RATE", "ACRR")
SPAN = timedelta(minutes=2)  # of the data; amounts fell over it
STAMPS = {"end": 0.0, "start": 1.0, "middle": 0.5}  # how far before the end, as a share
CORNERS = (("UL", "LR"), ("UL", "UR", "LL", "LR"), ("LL", "UR"))


def odim_files(path: Path, draw: Generator) -> Truth:
    """Write three files of one time each; what they mean together."""
    shape = (3, int(draw.integers(16, 22)), int(draw.integers(23, 30)))
    quantity, kind = picked(draw, *QUANTITIES), picked(draw, *PROJECTIONS)
    is_rain = quantity in ("RATE", "ACRR")
    factor = timedelta(hours=1) / SPAN if quantity == "ACRR" else 1.0
    rain = drawn_rain(draw, shape, rates=is_rain) / factor
    coding, codes = _coding(draw, quantity)
    raw, values = _stored(draw, coding, codes, rain)
    layout = {
        "corners": picked(draw, *CORNERS),
        "holder": picked(draw, "data", "dataset"),
        "lists": picked(draw, False, False, True),  # attributes as arrays of one
        "bytes": picked(draw, True, False),  # fixed texts, or texts of variable length
        "scale": picked(draw, True, False),
        "clock": picked(draw, "%H%M%S", "%H%M%S", "%H%M", "%H:%M:%S", "%H%M%S.0", "number"),
        "stamp": picked(draw, *STAMPS) if is_rain else "end",
    }
    times, files = drawn_times(draw, shape[0]), []
    for index, time in enumerate(times):
        files.append(path.with_name(f"{path.stem}-{index}.h5"))
        _write(files[-1], raw[index], quantity, kind, coding, time, layout)
    dbz = rates_as_dbz(values * factor) if is_rain else values
    crs, x, y = plane(kind, shape[1:])
    choices = {"quantity": quantity, "place": kind, "dtype": str(raw.dtype), **coding, **layout}
    return Truth(files, dbz, times, *degrees(crs, x, y), choices=choices)


def _coding(draw: Generator, quantity: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes of ``what``, and the stored numbers that mean missing and dry."""
    dtype = picked(draw, "u1", "u2", "i2", "f4", "f8")
    rate = quantity == "RATE"
    codes: dict[str, Any] = {"dtype": dtype, "dry": 0.0 if rate else -32.0}
    if dtype[0] == "f":
        nodata = picked(draw, -9999000.0, np.nan, 1e20, -999.9)
        undetect = picked(draw, -8888000.0, -99.9)
        stored = np.dtype(dtype).type
        codes |= {"nodata": stored(nodata), "undetect": stored(undetect)}
        return {"gain": 1.0, "offset": 0.0, "nodata": nodata, "undetect": undetect}, codes
    gain = {"u1": 0.7 if rate else 0.5}.get(dtype, 0.01)
    offset = 0.0 if rate else -32.0
    nodata, undetect = picked(draw, (float(np.iinfo(dtype).max), 0.0), (0.0, 1.0))
    codes |= {"nodata": nodata, "undetect": undetect}
    return {"gain": gain, "offset": offset, "nodata": nodata, "undetect": undetect}, codes


def _stored(
    draw: Generator, coding: dict[str, Any], codes: dict[str, Any], rain: Values
) -> tuple[Any, Values]:
    dtype = codes["dtype"]
    plain = (rain - coding["offset"]) / coding["gain"]
    if dtype[0] != "f":
        top = np.iinfo(dtype).max - 1
        plain = np.clip(np.rint(plain), 2, top)  # 0 and 1 are codes
    raw = plain.astype(dtype)
    values = raw.astype(np.float64) * coding["gain"] + coding["offset"]
    dry = rain <= rain.min()
    raw[dry], values[dry] = codes["undetect"], codes["dry"]
    gone = draw.random(rain.shape) < 0.08
    raw[gone], values[gone] = codes["nodata"], np.nan
    return raw, values


def _write(
    path: Path,
    raw: Any,
    quantity: str,
    kind: str,
    coding: dict[str, Any],
    time: datetime,
    layout: dict[str, Any],
) -> None:
    def put(group: Any, values: dict[str, Any]) -> None:
        for name, value in values.items():
            written = np.bytes_(value) if isinstance(value, str) and layout["bytes"] else value
            listed = layout["lists"] and not isinstance(value, str)
            group.attrs[name] = np.array([written]) if listed else written

    stamp = time - STAMPS[layout["stamp"]] * SPAN
    with h5py.File(path, "w") as file:
        put(file, {"Conventions": "ODIM_H5/V2_4"})
        nominal = _nominal(stamp, layout["clock"])
        put(file.create_group("what"), {"object": "COMP", "source": "ORG:000", **nominal})
        put(file.create_group("where"), _where(kind, raw.shape, layout))
        dataset = file.create_group("dataset1")
        started = time - SPAN
        span = {
            "startdate": f"{started:%Y%m%d}",
            "starttime": f"{started:%H%M%S}",
            "enddate": f"{time:%Y%m%d}",
            "endtime": f"{time:%H%M%S}",
        }
        put(dataset.create_group("what"), {"product": "COMP", **span})
        data = dataset.create_group("data1")
        data["data"] = raw
        holder = data.require_group("what") if layout["holder"] == "data" else dataset["what"]
        put(holder, {"quantity": quantity, **coding})


def _nominal(stamp: datetime, clock: str) -> dict[str, Any]:
    """Date and time as texts, or as numbers, which lose the zero of an early hour."""
    if clock == "number" and stamp.hour > 0:
        return {"date": int(f"{stamp:%Y%m%d}"), "time": int(f"{stamp:%H%M%S}")}
    words = "%H%M%S" if clock == "number" else clock
    return {"date": f"{stamp:%Y%m%d}", "time": stamp.strftime(words)}


def _where(kind: str, shape: tuple[int, int], layout: dict[str, Any]) -> dict[str, Any]:
    text, west, north = PROJECTIONS[kind]
    crs, _, _ = plane(kind, shape)
    edges = {"L": north - shape[0] * SIDE, "U": north, "l": west, "r": west + shape[1] * SIDE}
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    where: dict[str, Any] = {"projdef": text, "xsize": shape[1], "ysize": shape[0]}
    if layout["scale"]:
        where |= {"xscale": SIDE, "yscale": SIDE}
    for corner in layout["corners"]:
        place = to_degrees.transform(edges[corner[1].lower()], edges[corner[0]])
        where[f"{corner}_lon"], where[f"{corner}_lat"] = place
    return where
