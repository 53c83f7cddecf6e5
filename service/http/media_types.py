"""Which content types of a request body are read."""

from __future__ import annotations

from email.message import Message

from echocast.model.formats.file_names import safe_name
from echocast.service.errors import UnsupportedMediaType

JSON_TYPES = ("application/json",)
GRID_TYPES = (
    "application/x-netcdf",
    "application/netcdf",
    "application/x-netcdf4",
    "application/x-hdf5",
    "application/x-hdf",
    "application/vnd.odim-h5",
    "image/tiff",
    "application/x-grib2",
    "application/xml",
    "application/gzip",
    "application/zip",
    "application/x-tar",
    "application/x-bzip2",
    "application/octet-stream",  # files are known by their content
)
MULTIPART_TYPE = "multipart/form-data"


def media_type(content_type: str | None) -> tuple[str, str]:
    """The media type and multipart boundary of a ``Content-Type`` header.

    Raises:
        UnsupportedMediaType: We do not read this type.
    """
    message = Message()
    message["content-type"] = content_type or ""
    kind = message.get_content_type() if content_type else ""
    if kind not in (*JSON_TYPES, *GRID_TYPES, MULTIPART_TYPE):
        name = "/".join(map(safe_name, kind.split("/"))) if kind else "a body without content type"
        raise UnsupportedMediaType(
            "Send application/json, application/x-netcdf, application/x-hdf5 or"
            f" multipart/form-data, not {name}."
        )
    return kind, str(message.get_param("boundary", ""))
