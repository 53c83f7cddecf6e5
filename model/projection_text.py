"""The only door to PROJ for projections that somebody wrote down.

PROJ's texts are a language that can name files: grids, lists of definitions, pipelines of them. So
a text is made of words that we know, or it is refused before PROJ reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from echocast.model.errors import ContractViolation, short

if TYPE_CHECKING:
    from pyproj import CRS

MOST_TEXT = 10_000


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
    try:
        code = CODE.fullmatch(text.strip())
        return CRS.from_epsg(int(code["number"])) if code else CRS.from_user_input(text)
    except CRSError as error:
        raise ContractViolation(
            f"The projection {short(text)!r} is not one that PROJ knows.", rule="grid"
        ) from error


def mapping_crs(attributes: Mapping[str, Any]) -> CRS:
    """The projection of CF grid-mapping attributes: of their WKT where they have one.

    Raises:
        ContractViolation: A text has a word that we do not know, or PROJ does not know it.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    check_mapping(attributes)
    if wkt := attributes.get("crs_wkt") or attributes.get("spatial_ref"):
        return parsed_crs(str(wkt))
    known = {k: v for k, v in attributes.items() if k in READ_TEXTS or not isinstance(v, str)}
    try:
        return CRS.from_cf(known)
    except (CRSError, KeyError, TypeError, ValueError) as error:
        raise ContractViolation(
            f"The grid mapping {short(attributes.get('grid_mapping_name'))!r} is not one that PROJ"
            " knows.",
            rule="grid",
        ) from error


def check_mapping(attributes: Mapping[str, Any]) -> None:
    """Check that no text among grid-mapping attributes could make PROJ open a file.

    Raises:
        ContractViolation: One could.
    """
    for name, value in attributes.items():
        if name in ("crs_wkt", "spatial_ref") or name.startswith("proj4"):
            check_projection(str(value))
        elif name in READ_TEXTS and (
            len(str(value)) > MOST_TEXT or NAMES_A_FILE.search(str(value))
        ):
            raise _refusal(value, f"its {name} could be that of a file")


def check_projection(text: str) -> None:
    """Check that the text of a projection has only words that we know.

    Raises:
        ContractViolation: It has another one.
    """
    if len(text) > MOST_TEXT:
        raise _refusal(text, f"it is longer than {MOST_TEXT} characters")
    if WKT.match(text):
        _check_wkt(text)
    elif "=" in text:
        _check_settings(_plain(text))
    elif not CODE.fullmatch(text.strip()):
        raise _refusal(text, "it is neither +proj=..., nor WKT, nor EPSG: and a number")


def _plain(text: str) -> str:
    """Without ``+nadgrids=@null``, which programs write to say that there is no grid."""
    return re.sub(r"\+nadgrids=@null(?=\s|$)", "", text)


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
