"""The only door to PROJ for projections that somebody wrote down.

PROJ's texts are a language that can name files: grids, lists of definitions, pipelines of them. So
a text is made of words that we know, or it is refused before PROJ reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from echocast.model.errors import ContractViolation, short

if TYPE_CHECKING:
    from pyproj import CRS

MOST_TEXT = 10_000
SMALLEST_EARTH_M = 1e4  # no earth is so small: its radius is in kilometres
EARTH_AXES = ("semi_major_axis", "semi_minor_axis", "radius")
WKT_NAMES = ("crs_wkt", "spatial_ref")  # attributes of a grid mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CODE = re.compile(r"(?:urn:ogc:def:crs:)?EPSG::?(?P<number>\d{4,6})", re.IGNORECASE)
WKT = re.compile(r"\s*[A-Za-z][A-Za-z0-9_]*\s*[\[(]")
PROJECTIONS = _words(
    "aea aeqd cass cea eqc eqdc geos gnom laea latlon latlong lcc longlat lonlat merc moll nsper"
    " ob_tran omerc ortho poly robin sinu somerc stere sterea tmerc etmerc utm webmerc"
)
KEYS = _words(
    "proj o_proj lat_0 lat_1 lat_2 lat_ts lon_0 lon_1 lon_2 lonc lon_wrap alpha gamma x_0 y_0 z_0"
    " k k_0 R a b rf f e es ellps datum units vunits to_meter pm towgs84 axis zone south h sweep"
    " o_lat_p o_lon_p o_alpha o_lat_c o_lon_c o_lat_1 o_lat_2 o_lon_1 o_lon_2 no_defs no_off"
    " no_rot no_uoff over wktext type approx tilt azi R_A"
)
VALUE = re.compile(r"[\w.,'\"+-]{1,200}", re.ASCII)
# What programs write to say that nothing is shifted: web mercator by GDAL (WKT 1) and by PROJ.
NO_SHIFT = re.compile(r'(?:\+| using )nadgrids=@null(?=\s|"|$)')
PROJ4_AT_END = re.compile(
    r'EXTENSION\[\s*"PROJ4"\s*,\s*"([^"]*)"\s*\](?:\s*,\s*AUTHORITY\[[^\]]*\])?\s*\]\s*\Z'
)
UNSHIFTED = re.compile(
    r'\s*BOUNDCRS\[\s*SOURCECRS\[(.*)\]\s*,\s*TARGETCRS\[.*PARAMETERFILE\["[^"]*"\s*,\s*"@null"',
    re.DOTALL,
)
KEYWORDS = _words(
    "ABRIDGEDTRANSFORMATION ANCHOR ANCHOREPOCH ANGLEUNIT AREA AUTHORITY AXIS AXISMAXVALUE"
    " AXISMINVALUE BASEGEODCRS BASEGEOGCRS BBOX BEARING BOUNDCRS CITATION COMPD_CS COMPOUNDCRS"
    " CONVERSION CS DATUM DERIVINGCONVERSION DYNAMIC EDATUM ELLIPSOID ENGCRS ENGINEERINGCRS"
    " ENSEMBLE ENSEMBLEACCURACY FRAMEEPOCH GEOCCS GEODCRS GEODETICCRS GEODETICDATUM GEOGCRS GEOGCS"
    " GEOGRAPHICCRS ID LENGTHUNIT LOCAL_CS LOCAL_DATUM MEMBER MERIDIAN METHOD OPERATIONACCURACY"
    " ORDER PARAMETER PARAMETRICUNIT PRIMEM PRIMEMERIDIAN PROJCRS PROJCS PROJECTEDCRS PROJECTION"
    " RANGEMEANING REMARK SCALEUNIT SCOPE SOURCECRS SPHEROID TARGETCRS TIMEEXTENT TIMEUNIT TOWGS84"
    " TRF UNIT USAGE VDATUM VERSION VERT_CS VERT_DATUM VERTCRS VERTICALCRS VERTICALDATUM"
    " VERTICALEXTENT VRF"
)
QUOTED = re.compile(r'"((?:[^"]|"")*)"')
METHOD = re.compile(r'\b(?:METHOD|PROJECTION)\s*[\[(]\s*"([^"]*)"', re.IGNORECASE)
METHOD_NAME = re.compile(r"[\w ().,'-]{1,200}")
REST = re.compile(r"[\w\s\[\](),.+-]*", re.ASCII)  # of WKT, without its quoted names
READ_TEXTS = (  # texts that PROJ reads as names, beside the WKT
    "grid_mapping_name",
    "geographic_crs_name",
    "horizontal_datum_name",
    "prime_meridian_name",
    "projected_crs_name",
    "reference_ellipsoid_name",
)
# A path, a setting of PROJ, or a method that is such a setting; "WGS 84 / UTM zone 33N" is none.
NAMES_A_FILE = re.compile(
    r"(?:^|[^\w\s()])/|\s/(?=\S)|\\|[{}]|PROJ-based|\+\w+=|\+proj"
    r"|\b(?:proj|init|grids|nadgrids|geoidgrids|file)\s*=",
    re.IGNORECASE,
)


def parsed_crs(text: str) -> CRS:
    """A projection from its text: ``+proj=...``, WKT, or ``EPSG:`` and a number.

    Raises:
        ContractViolation: It has a word that we do not know, or PROJ does not know it.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    check_projection(text)
    text = _unwrapped(text)
    try:
        code = CODE.fullmatch(text.strip())
        crs = CRS.from_epsg(int(code["number"])) if code else CRS.from_user_input(text)
    except CRSError as error:
        raise ContractViolation(
            f"The projection {short(text)!r} is not one that PROJ knows.", rule="grid"
        ) from error
    return (crs.source_crs or crs) if crs.is_bound and "@null" in text else crs


def mapping_crs(attributes: Mapping[str, Any]) -> CRS:
    """The projection of CF grid-mapping attributes: of their WKT where they have one.

    Raises:
        ContractViolation: A text has a word that we do not know, or PROJ does not know it.
    """
    from pyproj.exceptions import CRSError

    check_mapping(attributes)
    if wkt := next((attributes[name] for name in WKT_NAMES if attributes.get(name)), None):
        return parsed_crs(str(wkt))
    known = {k: v for k, v in attributes.items() if k in READ_TEXTS or not isinstance(v, str)}
    try:
        return _of_cf(mapping_text(known))
    except (CRSError, KeyError, TypeError, ValueError) as error:
        raise ContractViolation(
            f"The grid mapping {short(attributes.get('grid_mapping_name'))!r} is not one that PROJ"
            " knows.",
            rule="grid",
        ) from error


@lru_cache(maxsize=64)
def _of_cf(mapping: str) -> CRS:
    """PROJ searches its database for a prime meridian each time: .4 s of processor time."""
    from pyproj import CRS

    return CRS.from_cf(json.loads(mapping))


def mapping_text(mapping: Mapping[str, Any]) -> str:
    """Grid-mapping attributes as JSON: equal mappings have equal texts, in whatever order."""
    return json.dumps(mapping, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    """A value of numpy's as Python's; what is neither means nothing in a grid mapping."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def with_earth_in_metres(crs: CRS) -> tuple[CRS, dict[str, str]]:
    """A projection whose earth is in kilometres as one in metres with axes in kilometres.

    PROJ reads all lengths as metres, but some agencies write ``+a=6378.14``; then their false
    origin and their coordinates are in kilometres as well.

    Returns:
        The projection, the same where its earth is in metres, and a note where it was not.
    """
    from pyproj import CRS

    if crs.ellipsoid is None or crs.ellipsoid.semi_major_metre >= SMALLEST_EARTH_M:
        return crs, {}
    sentence = "The earth of the projection is given in kilometres, so its coordinates are too."
    return CRS.from_json_dict(_kilometres(crs.to_json_dict())), {"place": sentence}


def _kilometres(projjson: Any) -> Any:
    """PROJJSON whose lengths were in kilometres: the earth in metres, all else in kilometres."""
    if isinstance(projjson, list):
        return [_kilometres(item) for item in projjson]
    if not isinstance(projjson, dict):
        return projjson
    changed = {name: _kilometres(value) for name, value in projjson.items()}
    if changed.get("unit") == "metre":
        changed["unit"] = {"type": "LinearUnit", "name": "kilometre", "conversion_factor": 1000}
    earth = {name: 1000 * changed[name] for name in EARTH_AXES if name in changed}
    return {**changed, **earth}


def check_mapping(attributes: Mapping[str, Any]) -> None:
    """Check that no text among grid-mapping attributes could make PROJ open a file.

    Raises:
        ContractViolation: One could.
    """
    for name, value in attributes.items():
        if name in WKT_NAMES or name.startswith("proj4"):
            check_projection(str(value))
        elif name in READ_TEXTS and (
            len(str(value)) > MOST_TEXT or NAMES_A_FILE.search(NO_SHIFT.sub("", str(value)))
        ):
            raise _refusal(value, f"its {name} could be that of a file")


def check_projection(text: str) -> None:
    """Check that the text of a projection has only words that we know.

    Raises:
        ContractViolation: It has another one.
    """
    if len(text) > MOST_TEXT:
        raise _refusal(text, f"it is longer than {MOST_TEXT} characters")
    text = NO_SHIFT.sub("", _unwrapped(text))
    if WKT.match(text):
        _check_wkt(text)
    elif "=" in text:
        _check_settings(text)
    elif not CODE.fullmatch(text.strip()):
        raise _refusal(text, "it is neither +proj=..., nor WKT, nor EPSG: and a number")


def _unwrapped(text: str) -> str:
    """The projection in a WKT that says beside it that nothing is shifted; else the text."""
    match = PROJ4_AT_END.search(text) or UNSHIFTED.match(text)
    return match[1] if match else text


def _check_settings(text: str) -> None:
    for setting in text.split():
        name, _, value = setting.removeprefix("+").partition("=")
        if name not in KEYS or (value and not VALUE.fullmatch(value)):
            raise _refusal(text, f"{short(setting, 40)!r} is not allowed in it")
        if name in ("proj", "o_proj") and value not in PROJECTIONS:
            raise _refusal(text, f"{short(setting, 40)!r} is no map projection of radar products")


def _check_wkt(text: str) -> None:
    rest = QUOTED.sub("", text)
    unknown = [
        word
        for word in re.findall(r"([A-Za-z_]\w*)\s*[\[(]", rest, re.ASCII)
        if word.upper() not in KEYWORDS
    ]
    if unknown:
        raise _refusal(text, f"{short(unknown[0], 40)!r} is not allowed in WKT")
    methods = all(map(METHOD_NAME.fullmatch, METHOD.findall(text)))
    if not (REST.fullmatch(rest) and methods) or any(
        map(NAMES_A_FILE.search, QUOTED.findall(text))
    ):
        raise _refusal(text, "a name in it could be that of a file")


def _refusal(text: object, why: str) -> ContractViolation:
    return ContractViolation(
        f"A projection must say where pixels are and nothing else, but {short(text)!r} is refused:"
        f" {why}.",
        rule="grid",
    )
