"""Waits have one patience: what is enough on an idle machine is too short on a busy one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.patience import stretched

TESTS = Path(__file__).parent
METHODS = {"wait", "wait_for", "join", "result", "communicate", "end_of", "urlopen"}
FUNCTIONS = {"until", "eventually", "wait_until"}
OTHERS = {"run", "check_output", "create_connection", "Barrier"}  # only by their timeouts
HTTPX = {"Client", "AsyncClient", "get", "post", "put", "patch", "delete", "head", "stream"}
BRIEFEST_SECONDS = 1.0  # below, a number is how often to look, and nothing fails of it


def bounds(call: ast.Call) -> Iterator[ast.expr]:
    """What bounds a wait, where a call is one."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in METHODS | FUNCTIONS:
        yield from call.args
    if name in METHODS | FUNCTIONS | OTHERS or is_httpx(call):
        yield from (word.value for word in call.keywords if word.arg in ("timeout", "seconds"))
    if is_httpx(call) and not {"timeout", "transport"} & {word.arg for word in call.keywords}:
        yield ast.Constant(5.0, lineno=call.lineno)  # its own patience


def is_httpx(call: ast.Call) -> bool:
    """Whether a call makes a client of httpx, or a request without one."""
    called = call.func
    return (
        isinstance(called, ast.Attribute)
        and called.attr in HTTPX
        and isinstance(called.value, ast.Name)
        and called.value.id == "httpx"
    )


def impatient(source: str) -> list[int]:
    """Lines of waits that end by a number of their own, however busy the machine is."""
    return [
        bound.lineno
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        for bound in bounds(call)
        if isinstance(bound, ast.Constant) and isinstance(bound.value, int | float)
        if bound.value >= BRIEFEST_SECONDS
    ]


def test_no_wait_has_a_bound_of_its_own() -> None:
    paths = sorted(TESTS.rglob("*.py"))
    lines = {str(path.relative_to(TESTS)): impatient(path.read_text()) for path in paths}
    assert not {path: numbers for path, numbers in lines.items() if numbers}


def test_what_a_bound_of_its_own_is() -> None:
    assert impatient("child.wait(30)\nuntil(ready, 5)\nrun(command, timeout=60)") == [1, 2, 3]
    assert impatient("run(command, timeout=250)") == [1]
    assert impatient("httpx.get(url)\nhttpx.Client(base_url=url, timeout=60)") == [1, 2]
    assert not impatient("httpx.get(url, timeout=P)\nhttpx.Client(transport=t)\nclient.get(url)")
    assert not impatient("child.wait(PATIENCE_SECONDS)\nstop.wait(0.2)\nrun(x, timeout=2 * P)")
    assert not impatient("until(lambda: acquire('b', 0, 30))\nb' '.join(parts)\nrun(3)")


def test_patience_grows_with_the_load_of_others() -> None:
    assert stretched(0.0, 2) == stretched(8.0, 2) == 1.0
    assert stretched(32.0, 2) == 4.0
