"""Launches that fail are divided until exactly the bad items fail."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echocast.model.errors import is_out_of_memory
from echocast.workers.inference.launch import bisect_on_failure


@given(st.lists(st.sampled_from(["good", "bad"]), min_size=1, max_size=40), st.integers(1, 40))
def test_dividing_fails_exactly_the_bad_items(kinds: list[str], memory: int) -> None:
    items = list(enumerate(kinds))

    def launch(batch: Sequence[tuple[int, str]]) -> list[int]:
        if len(batch) > memory:
            raise MemoryError
        if any(kind == "bad" for _, kind in batch):
            raise ValueError("bad")
        return [number for number, _ in batch]

    results = bisect_on_failure(launch, items, lambda error: None)
    for (number, kind), result in zip(items, results, strict=True):
        assert isinstance(result, ValueError) if kind == "bad" else result == number


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"),
    ],
)
def test_the_ways_to_say_out_of_memory(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("bad"))
