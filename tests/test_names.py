"""Names are the terms of docs/glossary.md; words of a private language are refused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("model", "workers", "service", "benchmarks", "experiments", "deploy")
BANNED = frozenset(
    {"told", "said", "seen", "kept", "found", "wanted", "wish", "wishes", "errand", "errands"}
    | {"deed", "deeds", "shelf", "shop", "rival", "rivals", "held", "mend", "mends", "mended"}
    | {"spent", "settle", "settles", "settled"}
)
ALLOWED = {"held_out"}
Name = tuple[str, int]


def sources(*folders: str) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


def words(name: str) -> set[str]:
    """The words of a name: ``HeldJobs`` and ``held_jobs`` have held and jobs."""
    for allowed in ALLOWED:
        name = name.replace(allowed, "")
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def names(path: str) -> Iterator[Name]:
    """Names that a file gives, with their lines: its own, and those of what it defines."""
    yield from ((part, 0) for part in Path(path).with_suffix("").parts)
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.keyword(arg=str(argument)):
                yield argument, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.alias(asname=str(alias)):
                yield alias, node.lineno
            case ast.MatchAs(name=str(bound)) | ast.MatchStar(name=str(bound)):
                yield bound, node.lineno
            case ast.ExceptHandler(name=str(bound)):
                yield bound, node.lineno


def refused(path: str) -> list[str]:
    return [
        f"{path}:{line}: {name}"
        for name, line in names(path)
        if words(name) & BANNED and not (path.startswith("tests") and name.startswith("test_"))
    ]


def test_names_of_the_product_are_terms() -> None:
    assert not [name for path in sources(*PRODUCT) for name in refused(path)]


def test_names_of_variables_and_helpers_in_tests_are_terms() -> None:
    assert not [name for path in sources("tests") for name in refused(path)]


def test_no_two_classes_have_one_name() -> None:
    """One word, one meaning: a class is known by its name alone."""
    places: dict[str, list[str]] = {}
    for path in sources("model", "workers", "service"):
        for node in ast.parse((ROOT / path).read_text()).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(path)
    assert not {name: files for name, files in places.items() if len(files) > 1}


def parameters(node: ast.AST) -> set[str]:
    """What a docstring of a function or class may describe: parameters, or fields."""
    match node:
        case ast.ClassDef(body=body):
            starts = [part for part in body if getattr(part, "name", "") == "__init__"]
            fields = {part.target.id for part in body if isinstance(part, ast.AnnAssign)}  # type: ignore[union-attr]
            return parameters(starts[0]) if starts else fields
        case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
            return {part.arg for part in ast.walk(args) if isinstance(part, ast.arg)}
    return set()


def described(docstring: str) -> set[str]:
    """The names under ``Args:``."""
    section = re.split(r"\n\s*\n|\Z", docstring.partition("Args:\n")[2], maxsplit=1)[0]
    lines = re.findall(r"^ {4}([\w*][\w*, ]*):", section, re.MULTILINE)
    return {name.strip(" *") for line in lines for name in line.split(",")}


def test_docstrings_describe_parameters_that_there_are() -> None:
    wrong = [
        f"{path}:{node.lineno}: {node.name} has no {', '.join(unknown)}"
        for path in sources("model", "workers", "service")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if (unknown := described(ast.get_docstring(node) or "") - parameters(node))
    ]
    assert not wrong


def test_words_of_a_name() -> None:
    assert words("HeldJobs") & BANNED == words("jobs_held") & BANNED == {"held"}
    assert not words("held_out") & BANNED
    assert not words("upheld") & BANNED
