"""The runbook as a page of its own, where the links of alerts lead."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from echocast.service.page.document import COMMON

RUNBOOK: Final = Path(__file__).with_name("runbook.md")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    **COMMON,
}
PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Echocast: runbook</title>
<style>
body {{ max-width: 46rem; margin: auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif }}
:target {{ background: Mark; color: MarkText }}
</style>
{body}</html>
"""


@cache
def runbook_page() -> str:
    """The runbook of this version as HTML; each heading is its own anchor, in small letters."""
    from markdown_it import MarkdownIt  # only here: few ask for this page

    markdown = MarkdownIt()
    tokens = markdown.parse(RUNBOOK.read_text())
    for heading, text in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", text.content.lower().replace(" ", "-"))
    return PAGE.format(body=markdown.renderer.render(tokens, markdown.options, {}))
