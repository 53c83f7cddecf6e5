"""The HTML document, and the headers that say what a browser may do with it."""

from __future__ import annotations

from html import escape
from string import Template
from urllib.parse import quote, urlsplit

from echocast.service.page.assets import Assets

ANY_SITE, NO_SITE = "*", "'none'"


def document(assets: Assets, base_map_url: str, base_map_attribution: str) -> str:
    """The page's HTML.

    Args:
        assets: What it refers to.
        base_map_url: Tiles under the rain, with ``{z}``, ``{x}``, ``{y}``; empty: none.
        base_map_attribution: The attribution that they require.
    """
    template = Template(assets.files["index.html"].content.decode())
    return template.substitute(
        base=assets.base,
        icon="data:image/svg+xml," + quote(assets.files["icon.svg"].content),
        base_map_url=escape(base_map_url),
        base_map_attribution=escape(base_map_attribution),
    )


def headers(base_map_url: str, *, embedded: bool) -> dict[str, str]:
    """Of the document: it asks no host but ours, and runs nothing that did not come from here."""
    return {
        "Content-Security-Policy": policy(base_map_url, embedded=embedded),
        "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
        "Cache-Control": "no-cache",
        "Vary": "Accept",
        **COMMON,
    }


COMMON = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def policy(base_map_url: str, *, embedded: bool) -> str:
    """The Content-Security-Policy; only the embedded page may stand in a frame of another site."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": " ".join(["'self'", "data:", "blob:", *_origin(base_map_url)]),
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": ANY_SITE if embedded else NO_SITE,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _origin(url: str) -> list[str]:
    """Scheme and host of an address; of a path on this host there is nothing to add."""
    parts = urlsplit(url)
    return [f"{parts.scheme}://{parts.netloc}"] if parts.netloc else []
