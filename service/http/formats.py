"""The formats of a forecast, and which one a caller asks for."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace

from echocast.model.errors import short
from echocast.service.errors import NotAcceptable, UnknownFormat


@dataclass(frozen=True)
class Format:
    """One way to hand out a forecast.

    Args:
        name: What ``?format=`` calls it.
        media_type: Its media type.
        suffix: Of its files.
        product: ``expected`` or ``sharp``; empty: the forecast's default product.
        zipped: Whether the caller gets it by gzip (``Content-Encoding``).
    """

    name: str
    media_type: str
    suffix: str
    product: str = ""
    zipped: bool = False

    @property
    def is_picture(self) -> bool:
        """True for what browsers show."""
        return self.name in ("png", "webp")

    @property
    def variant(self) -> str:
        """Name of format, product and coding: different answers have different variants."""
        return "-".join(filter(None, (self.name, self.product, "gzip" * self.zipped)))


FORMATS = {
    format.name: format
    for format in (
        Format("netcdf", "application/x-netcdf", ".nc"),
        Format("json", "application/json", ".json"),
        Format("png", "image/png", ".png"),
        Format("webp", "image/webp", ".webp"),
        Format("npz", "application/x-npz", ".npz"),
        Format("geotiff", "image/tiff", ".tif"),
    )
}
PRODUCTS = ("expected", "sharp")
OTHER_NAMES = {"nc": "netcdf", "cog": "geotiff"}
SYNONYMS = {
    "application/netcdf": "netcdf",
    "application/x-netcdf4": "netcdf",
    "application/zip": "npz",
    "application/octet-stream": "netcdf",
}
BY_MEDIA_TYPE = {f.media_type: f for f in FORMATS.values()} | {
    media_type: FORMATS[name] for media_type, name in SYNONYMS.items()
}


def requested_format(
    name: str | None,
    accept: str | None,
    product: str | None = None,
    accept_encoding: str | None = None,
) -> Format:
    """The format that ``?format=`` names, else the one that ``Accept`` prefers, of a product.

    Args:
        name: Of the query.
        accept: Media ranges.
        product: Of the query.
        accept_encoding: Codings that the caller reads; JSON is worth one.

    Raises:
        UnknownFormat: ``name`` or ``product`` is none of ours, the format holds all products, or
            the service has no rasterio for it.
        NotAcceptable: ``accept`` allows none of ours.
    """
    form = _named_or_accepted(name, accept)
    if form.name == "geotiff" and importlib.util.find_spec("rasterio") is None:
        raise UnknownFormat(
            "GeoTIFF is written by rasterio, which this service does not have: its operator can"
            " install 'echocast[formats]'."
        )
    zipped = form.name == "json" and "gzip" in by_preference(accept_encoding or "")
    return _of_product(replace(form, zipped=zipped), product)


def _of_product(form: Format, product: str | None) -> Format:
    if product is None:
        return form
    if product not in PRODUCTS:
        raise UnknownFormat(f"A product is one of {', '.join(PRODUCTS)}, not {short(product)!r}.")
    if form.name == "netcdf":
        raise UnknownFormat(
            "A NetCDF forecast holds reflectivity, reflectivity_expected and reflectivity_sharp"
            " side by side, of streams those that are stored; product chooses what json, npz,"
            " geotiff, png and webp show."
        )
    return replace(form, product=product)


def _named_or_accepted(name: str | None, accept: str | None) -> Format:
    if name is not None:
        name = OTHER_NAMES.get(name, name)
        if name not in FORMATS:
            raise UnknownFormat(
                f"A forecast comes as {', '.join(FORMATS)}, not as {short(name)!r}."
            )
        return FORMATS[name]
    for pattern in by_preference(accept or "*/*"):
        if (form := _matching(pattern)) is not None:
            return form
    raise NotAcceptable(f"A forecast comes as one of {', '.join(BY_MEDIA_TYPE)}.")


def _matching(pattern: str) -> Format | None:
    """The first format that a media range covers."""
    if pattern in BY_MEDIA_TYPE:
        return BY_MEDIA_TYPE[pattern]
    kind, _, rest = pattern.partition("/")
    if rest != "*":
        return None
    fits = (f for f in FORMATS.values() if kind in ("*", f.media_type.partition("/")[0]))
    return next(fits, None)


def by_preference(accept: str) -> list[str]:
    """Media ranges, best first; those with weight 0 are left out."""
    weighted = [_weighted(part) for part in accept.split(",") if part.strip()]
    allowed = [(weight, pattern) for weight, pattern in weighted if weight > 0]
    return [pattern for _, pattern in sorted(allowed, key=lambda pair: -pair[0])]


def _weighted(part: str) -> tuple[float, str]:
    pattern, *parameters = (piece.strip() for piece in part.lower().split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value), pattern
            except ValueError:
                return 0.0, pattern
    return 1.0, pattern
