"""The documentation as a site at ``/docs/guide``, where ``make docs`` built it beside this file."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from echocast.service.page.document import COMMON, NO_SITE

GUIDE: Final = Path(__file__).with_name("guide")
ADDRESS: Final = "/docs/guide"
FIRST_PAGE: Final = "index.html"
SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def is_built(folder: Path) -> bool:
    """Whether there is a site in a folder."""
    return (folder / FIRST_PAGE).is_file()


class GuideFiles(StaticFiles):
    """The files of the site, for everybody; browsers run no script but those that it came with."""

    def __init__(self, folder: Path = GUIDE) -> None:
        super().__init__(directory=folder, check_dir=False)
        self.config_checked = True  # a folder that is not there is no error of ours: 404

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file; the first page for the folder itself.

        Raises:
            HTTPException: There is no such page, or no site.
        """
        if path in ("", "."):
            return RedirectResponse(f"{ADDRESS}/{FIRST_PAGE}", headers=COMMON)
        assert self.directory is not None
        if not is_built(Path(self.directory)):
            raise HTTPException(
                404, "This installation has no guide: `make docs` builds it in a checkout."
            )
        return await super().get_response(path, scope)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, or 304, with what a browser may do with it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update({"Cache-Control": "no-cache", **COMMON})
        if Path(full_path).suffix == ".html":
            response.headers["Content-Security-Policy"] = policy(
                Path(full_path), stat_result.st_mtime_ns
            )
        return response


@lru_cache(maxsize=256)
def policy(page: Path, changed: int) -> str:
    """The Content-Security-Policy of a page: its own inline scripts run, by their hashes.

    Args:
        page: The file.
        changed: When, so that a page that is built anew is read anew.
    """
    del changed
    hashes = sorted({_hash(script) for script in SCRIPT.findall(page.read_bytes())})
    rules = {
        "default-src": NO_SITE,
        "script-src": " ".join(["'self'", *hashes]),
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "form-action": NO_SITE,
        "base-uri": NO_SITE,
        "frame-ancestors": NO_SITE,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
