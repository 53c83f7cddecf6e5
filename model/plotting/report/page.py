"""The one template of our reports: contents, sections with anchors, tables, pictures.

A page is one file that asks no other host. It is light or dark as the reader's screen is, always
light in print; wide tables and pictures scroll by themselves on a phone.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5a646e; --line: #d5dade;
  --ground: #fff; --band: #f4f6f8; --link: #00538a; --mark: #e5f0f8 }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a3adb7;
  --line: #3a434c; --ground: #14181c; --band: #1d2329; --link: #7cc0ef; --mark: #1c3446 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 76rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0 }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line);
  padding-top: 1rem }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .3rem }
p, li, dd { max-width: 48rem }
a { color: var(--link) }
nav ol { columns: 16rem; padding-left: 1.4rem }
.wide { overflow-x: auto; margin: .8rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem }
td, th { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  vertical-align: baseline }
thead th { vertical-align: bottom; white-space: nowrap }
td { white-space: nowrap }
tbody tr:nth-child(odd) { background: var(--band) }
td:first-child, th:first-child, td.text { text-align: left }
td.text { white-space: normal }
td.few { color: var(--soft) }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--ground) }
tbody tr:nth-child(odd) > :first-child { background: var(--band) }
td.best { font-weight: 700; background: var(--mark) }
small { color: var(--soft); font-weight: 400 }
dt { font-weight: 600; margin-top: .5rem } dd { margin: 0 0 0 1.2rem }
figure { margin: 1rem 0 }
figcaption { color: var(--soft); max-width: 48rem }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 4px }
@media (max-width: 40rem) { figure .wide img { max-width: none; width: 46rem } }
@media print { body { font-size: 10pt; max-width: none; padding: 0 }
  .wide { overflow: visible } table { font-size: 8pt } td, th { padding: .1rem .35rem }
  h2, h3 { break-after: avoid } figure, table { break-inside: avoid } }
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style></head>
<body><header><h1>{title}</h1>{lead}</header>
<nav aria-label="Contents"><ol>{contents}</ol></nav>
<main>{body}</main></body></html>
"""


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Args:
        title: Its heading, plain text.
        anchor: What links lead to.
        body: HTML.
    """

    title: str
    anchor: str
    body: str


def page(title: str, lead: str, sections: Iterable[Section]) -> str:
    """A whole page.

    Args:
        title: Plain text.
        lead: HTML that stands before the contents.
        sections: In order; those without a body are left out.
    """
    shown = [section for section in sections if section.body]
    return PAGE.format(
        title=html.escape(title),
        style=STYLE,
        lead=lead,
        contents="".join(
            f'<li><a href="#{s.anchor}">{html.escape(s.title)}</a></li>' for s in shown
        ),
        body="".join(
            f'<section id="{s.anchor}"><h2>{html.escape(s.title)}</h2>{s.body}</section>'
            for s in shown
        ),
    )


def cell(text: str, kind: str = "") -> str:
    """A cell of a table.

    Args:
        text: HTML.
        kind: ``best``, ``few`` (too few to tell), ``text`` (to the left), or nothing.
    """
    return f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table that scrolls by itself where it is too wide.

    Args:
        head: Headings, HTML; may be empty.
        rows: Of each row the cells, as :func:`cell` makes them.
        caption: HTML that stands above; may be empty.
    """
    above = f"<caption>{caption}</caption>" if caption else ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    top = f"<thead><tr>{heads}</tr></thead>" if head else ""
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{above}{top}<tbody>{body}</tbody></table></div>'


def figure(name: str, picture: str, caption: str = "") -> str:
    """A picture with its caption.

    Args:
        name: What it shows, plain text, for those who cannot see it.
        picture: A data address, as :func:`drawing` makes it.
        caption: HTML; may be empty.
    """
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    image = f'<img alt="{html.escape(name)}" src="{picture}">'
    return f'<figure><div class="wide">{image}</div>{below}</figure>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A small table of names and plain texts."""
    rows = [
        (f'<th scope="row">{html.escape(name)}</th>', cell(html.escape(text), "text"))
        for name, text in pairs
    ]
    return table((), rows)


def drawing(figure: Figure) -> str:
    """Lines and letters as they stand inside a page (SVG): sharp on any screen and in print."""
    return _inside(figure, "svg", "image/svg+xml", metadata={"Date": None})


def painting(figure: Figure) -> str:
    """A picture of many pixels as it stands inside a page (WebP)."""
    return _inside(figure, "webp", "image/webp", dpi=110, pil_kwargs={"lossless": True})


def _inside(figure: Figure, kind: str, media_type: str, **options: object) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, bbox_inches="tight", **options)  # type: ignore[arg-type]
    return f"data:{media_type};base64,{base64.b64encode(buffer.getvalue()).decode()}"
