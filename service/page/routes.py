"""The page at ``/``, its files, and the runbook."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from echocast import __version__
from echocast.service.page import guide
from echocast.service.page.assets import shipped_assets
from echocast.service.page.document import COMMON, document, headers
from echocast.service.page.runbook import HEADERS, runbook_page
from echocast.service.resources import AppResources

router = APIRouter(include_in_schema=False)

LINKS = {
    "service": "echocast",
    "version": __version__,
    "documentation": "/docs",
    "runbook": "/docs/runbook",
    "openapi": "/openapi.json",
    "health": "/readyz",
    "streams": "/streams",
    "nowcast": "/nowcast",
    "models": "/models",
    "metrics": "/metrics",
}
GUIDE_LINK = {"guide": f"{guide.ADDRESS}/"}  # where it is built
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


@router.get("/")
async def show_page(
    resources: AppResources,
    accept: Annotated[str, Header()] = "",
    embed: Annotated[
        bool, Query(description="The map alone, for a frame of another page.")
    ] = False,
) -> Response:
    """The page for browsers; for other clients, where to go from here."""
    if "text/html" not in accept.lower():
        links = LINKS | GUIDE_LINK if guide.is_built(guide.GUIDE) else LINKS
        return JSONResponse(links, headers={"Vary": "Accept"})
    settings = resources.settings
    address, attribution = settings.base_map_url, settings.base_map_attribution
    return HTMLResponse(
        document(shipped_assets(), address, attribution),
        headers=headers(address, embedded=embed),
    )


@router.get("/docs/runbook")
async def show_runbook() -> Response:
    """What to do at each alert; no key is needed, as an alert's link brings none."""
    return HTMLResponse(runbook_page(), headers=HEADERS)


@router.get("/page/{version}/{path:path}")
async def show_asset(
    version: str, path: str, accept_encoding: Annotated[str, Header()] = ""
) -> Response:
    """A file of the page."""
    assets = shipped_assets()
    asset = assets.files.get(path)
    if version != assets.version or asset is None:
        raise HTTPException(404)
    zipped = "gzip" in accept_encoding
    encoding = {"Content-Encoding": "gzip"} if zipped else {}
    content = asset.compressed if zipped else asset.content
    return Response(content, 200, FOR_EVER | encoding | COMMON, asset.media_type)
