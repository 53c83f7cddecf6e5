"""Pages of agencies: the addresses on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from echocast.service.sources.errors import ListingUnreadable


def links_of(content: bytes, kind: str, where: str) -> list[str]:
    """The addresses on a page, in its order.

    Args:
        content: The page.
        kind: ``html``, ``xml`` or ``json``.
        where: An attribute, the name of an element without its prefix, or a path.

    Raises:
        ListingUnreadable: It is no JSON.
    """
    if kind == "json":
        return list(json_texts(content, where))
    markup = _Markup(where, in_attributes=kind == "html")
    markup.feed(content.decode("utf-8", "replace"))
    markup.close()
    return markup.links


def json_texts(content: bytes, path: str) -> Iterator[str]:
    """The texts and numbers at a path of a JSON document; ``*`` is every element.

    Raises:
        ListingUnreadable: It is no JSON.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ListingUnreadable("A list or answer that should be JSON is not.") from error
    yield from (str(leaf) for leaf in _at(document, path.split(".")) if _is_text(leaf))


def _at(node: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield node
        return
    step, rest = path[0], path[1:]
    if step == "*":
        parts = node.values() if isinstance(node, dict) else node
        for part in parts if isinstance(node, dict | list) else ():
            yield from _at(part, rest)
    elif isinstance(node, dict) and step in node:
        yield from _at(node[step], rest)


def _is_text(leaf: Any) -> bool:
    return isinstance(leaf, str | int) and not isinstance(leaf, bool)


class _Markup(HTMLParser):
    """HTML and XML alike: this parser resolves no entity but characters, and fails at nothing."""

    def __init__(self, where: str, *, in_attributes: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._where = where.lower()
        self._in_attributes = in_attributes
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._in_attributes:
            self.links += [value for name, value in attrs if name == self._where and value]
        elif tag.rpartition(":")[2] == self._where:
            self._text = []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._text is not None and tag.rpartition(":")[2] == self._where:
            self.links.append("".join(self._text).strip())
            self._text = None
