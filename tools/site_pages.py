"""A hook of MkDocs: documents that lie elsewhere become pages too, and links lead to all of them.

Files are read where they lie, so that every document has one home. A link to a file that is no page
(a script, a folder) stays as its text.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {  # of documents outside of docs/
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "BEWARE.md": "beware.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "deploy/README.md": "operating.md",
    "deploy/runbook.md": "runbook.md",
    "experiments/LOG.md": "log.md",
    "docs/ten-minutes.ipynb": "ten-minutes.md",
}
DOCUMENTS: Final = {page: document for document, page in PAGES.items()}
LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages above."""
    for document, page in PAGES.items():
        files.append(File.generated(config, page, content=text_of(ROOT / document)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Let links lead to pages."""
    document = DOCUMENTS.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return LINK.sub(lambda link: _led(link, document, page.file.src_uri, files), markdown)


def on_post_build(config: Any) -> None:
    """Leave out what only debuggers of the theme's scripts read: a third of the site."""
    for path in Path(config.site_dir).rglob("*.map"):
        path.unlink()


def text_of(path: Path) -> str:
    """The Markdown of a document; of a notebook its cells, without what they gave."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join(_cell(cell["cell_type"], "".join(cell["source"])) for cell in cells)


def _cell(kind: str, source: str) -> str:
    return source if kind == "markdown" else f"```python\n{source}\n```"


def _led(link: re.Match[str], document: str, page: str, files: Any) -> str:
    image, text, target, anchor = link.groups()
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(document), target))
    uri = PAGES.get(meant, meant.removeprefix("docs/"))
    if files.get_file_from_path(uri) is None:
        return text
    leads = posixpath.relpath(uri, posixpath.dirname(page) or ".")
    return f"{image}[{text}]({leads}{anchor or ''})"
