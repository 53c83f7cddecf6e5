"""Nothing in the repository unpickles: a file or a message could run any code then."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from echocast.workers.jobs.queue import celery_app

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("model", "workers", "service", "benchmarks", "experiments")
    for path in (ROOT / folder).rglob("*.py")
)
PICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
HARMLESS_NAMES = {"PickleError", "UnpicklingError"}  # exceptions, to catch what others refuse
FORBIDDEN_CALLS = {"torch.save", "pd.read_pickle", "pandas.read_pickle"}


def dangers(source: str) -> Iterator[str]:
    """Whatever in a source file could unpickle."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in PICKLERS)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLERS:
            yield from (name.name for name in node.names if name.name not in HARMLESS_NAMES)
        if isinstance(node, ast.Call) and dangerous_call(node):
            yield ast.unparse(node)


def dangerous_call(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    values = {word.arg: ast.unparse(word.value) for word in call.keywords}
    unsafe_weights = name == "torch.load" and values.get("weights_only") != "True"
    return (
        unsafe_weights or name in FORBIDDEN_CALLS or values.get("allow_pickle", "False") != "False"
    )


def test_no_source_unpickles() -> None:
    assert len(SOURCES) > 300
    by_file = {str(path.relative_to(ROOT)): list(dangers(path.read_text())) for path in SOURCES}
    assert {path: how for path, how in by_file.items() if how} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(\n    path,\n    weights_only=False,\n)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "torch.save(network, path)",
    ],
)
def test_dangers_are_found(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize(
    "source",
    [
        "from pickle import UnpicklingError",
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "np.load(path, allow_pickle=False)",
    ],
)
def test_safe_ways_are_allowed(source: str) -> None:
    assert list(dangers(source)) == []


def test_the_queue_speaks_json_only() -> None:
    conf = celery_app("redis://localhost").conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"
    assert conf.result_backend is None
    assert conf.task_ignore_result
    assert not conf.task_acks_late
    assert conf.worker_prefetch_multiplier == 1
