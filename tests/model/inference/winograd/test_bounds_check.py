"""What would lead a compiled kernel out of its arrays is refused before it runs."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from echocast.model.inference.winograd.bounds_check import (
    OutOfBounds,
    addresses,
    check_operations,
    check_units,
)
from echocast.model.inference.winograd.numba_program import slots
from echocast.model.inference.winograd.steps import FastSteps
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network

ROOMS = [4096, 0, 1024]


def operation(*out):
    return np.array([(0, 1024, *out, 2, 1024, 0, 2, 0, 0)])


@pytest.mark.parametrize("out", [(0, 4096, 3072), (2, 1024, 0), (2, 0, 0)])
def test_a_row_within_the_room_of_its_base_is_accepted(out):
    check_operations(operation(*out), ROOMS)


@pytest.mark.parametrize(
    "out", [(0, 4096, 3136), (0, 4096, -64), (0, 2048, 0), (1, 0, 0), (3, 0, 0), (-1, 0, 0)]
)
def test_a_row_that_leaves_the_room_of_its_base_is_refused(out):
    with pytest.raises(OutOfBounds, match="table row wants 1024 bytes"):
        check_operations(operation(*out), ROOMS)


def test_an_operation_is_on_whole_vectors():
    with pytest.raises(OutOfBounds, match="whole vectors"):
        check_operations(np.array([(0, 30, *[0] * 9)]), ROOMS)


def test_a_unit_that_leaves_its_room_is_refused():
    check_units(np.array([(2, 1024, 0, 64, 0), (-1, 0, 0, 0, 0)]), 16, ROOMS)
    with pytest.raises(OutOfBounds):
        check_units(np.array([(2, 1024, 64, 64, 0)]), 16, ROOMS)


@pytest.mark.parametrize(
    "array", [torch.zeros(3), torch.zeros(4).double(), torch.zeros(4, 2)[:, 0], torch.zeros(5)]
)
def test_an_array_of_another_size_or_kind_has_no_address(array):
    with pytest.raises(OutOfBounds, match="needs 16 bytes"):
        addresses([(array, 16)])


def test_memories_of_another_grid_are_refused_and_not_read():
    steps = FastSteps(Network(RADAR_SMALL).eval())
    with torch.inference_mode():
        X = torch.rand(1, steps.network.planes, 8, 8)
        _, small = steps.step(X, steps.initial_state(1, 8, 8))
        mixed = replace(steps.initial_state(1, 40, 40), memories=small.memories)
        with pytest.raises(OutOfBounds):
            steps.step(torch.rand(1, steps.network.planes, 40, 40), mixed)


class Step:
    """A level that reads or writes some arrays."""

    def __init__(self, *numbers):
        self.numbers = set(numbers)


def test_arrays_share_a_slot_only_where_one_follows_the_other():
    levels = [Step(2, 3), Step(3, 4), Step(4, 5), Step(2, 6)]
    rooms = [0, 0, 64, 64, 64, 64, 128]
    in_slots = slots(levels, rooms, elsewhere=set())
    assert in_slots[5] == in_slots[3]  # read last at level 1, before 5 is made
    assert len({in_slots[2], in_slots[3], in_slots[4]}) == 3
    assert in_slots[6] == 0  # of another size: a slot of its own


@pytest.mark.parametrize("family", ["mim", "predrnn_plus"])
def test_no_slot_of_a_step_holds_two_values_at_a_time(family):
    steps = FastSteps(Network(replace(RADAR_SMALL, family=family)).eval())
    for program in steps._programs:
        levels, rooms = program._levels, program._arrays.rooms
        spans = {
            n: [k for k, level in enumerate(levels) if n in level.numbers] for n in program._slots
        }
        holders = {}
        for number, slot in program._slots.items():
            span = (min(spans[number]), max(spans[number]))
            holders.setdefault((rooms[number], slot), []).append(span)
        for spans_of_slot in holders.values():
            spans_of_slot.sort()
            assert all(a[1] < b[0] for a, b in pairwise(spans_of_slot))
        assert len(holders) < len(program._slots)  # so some do share
