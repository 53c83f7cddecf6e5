"""Modules become one: each keeps its own scope, and what is not understood is refused."""

from __future__ import annotations

import shutil
import subprocess
from graphlib import CycleError

import pytest

from echocast.service.page.script import one_script
from tests.patience import PATIENCE_SECONDS

MODULES = {
    "main": (
        'import { Counter, twice } from "./count.js";\n'
        'import * as words from "./words.js";\n'
        "const own = 1;\n"
        "console.log(words.said(new Counter().add(twice(own))), words.LAST);\n"
    ),
    "count": (
        "const own = 20;\n"
        "export class Counter {\n"
        "  add(more) {\n    return own + more;\n  }\n}\n"
        "export function twice(value) {\n  return 2 * value;\n}\n"
    ),
    "words": (
        'export const LAST = "import and export are words here";\n'
        "const own = 300;\n"
        "export const said = (value) => `${value} of ${own}`;\n"
    ),
}


@pytest.mark.skipif(shutil.which("node") is None, reason="NODE IS NOT INSTALLED")
def test_modules_run_as_one_each_with_its_own_names() -> None:
    script = one_script(MODULES)
    assert script.index("const words_js") < script.index("const main_js")
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.stdout, done.stderr) == ("22 of 300 import and export are words here\n", "")


@pytest.mark.parametrize(
    "line",
    [
        'export { own } from "./other.js";',
        "export default 1;",
        "export let changes = 1;",
        'import "./words.js";',
        '  const late = await import("./words.js");',
    ],
)
def test_what_is_not_joined_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"broken\.js imports or exports"):
        one_script({**MODULES, "broken": f"{line}\n"})


def test_modules_that_import_each_other_are_refused() -> None:
    first, second = (f'import {{ a }} from "./{name}.js";\n' for name in ("second", "first"))
    with pytest.raises(CycleError):
        one_script({"first": first, "second": second})
