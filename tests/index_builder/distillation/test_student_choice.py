"""Which student is made: what may be asked for, and what is tried."""

import pytest

from index_builder.distillation.student_choice import (
    StudentOptions,
    largest_fast_enough,
    sizes_to_try,
)
from lengthwise.index.errors import InvalidInputError


@pytest.mark.parametrize("other", [{"pooling_layer": True}, {"feed_forward": 16}])
def test_other_layers_are_refused_where_all_are_kept(other):
    with pytest.raises(InvalidInputError, match=f"expected fewer with {next(iter(other))}"):
        sizes_to_try(StudentOptions(layers=6, **other), 6)


def test_the_sizes_tried_are_the_smallest_first_or_the_one_asked_for():
    assert sizes_to_try(StudentOptions(), 6) == [0, 2, 3]
    assert sizes_to_try(StudentOptions(), 2) == [0]
    assert sizes_to_try(StudentOptions(layers=2), 6) == [2]
    assert sizes_to_try(StudentOptions(layers=6), 6) == []


@pytest.mark.parametrize(("target", "size"), [(1, 6), (1.5, 3), (2, 3), (2.1, 2), (20, 0)])
def test_a_target_speed_takes_the_largest_that_is_fast_enough(target, size):
    speeds = {6: 100.0, 3: 200.0, 2: 300.0, 0: 3_000.0}
    assert largest_fast_enough([0, 2, 3, 6], 6, speeds.__getitem__, target) == size


def test_a_speed_that_no_student_has_is_refused_with_the_fastest():
    with pytest.raises(InvalidInputError, match=r"the fastest student encodes 2\.0 times"):
        largest_fast_enough([0], 6, {6: 100.0, 0: 200.0}.__getitem__, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": -1}, "layers is -1: expected 0 or more"),
        ({"target_speed": 0.5}, "target_speed is 0.5: expected 1 or more"),
        ({"layers": 2, "target_speed": 3.0}, "expected one of them"),
        ({"layers": 0, "pooling_layer": True}, "pooling_layer is set and layers is 0"),
        ({"layers": 0, "feed_forward": 8}, "feed_forward is 8 and layers is 0"),
        ({"layers": 1, "feed_forward": 0}, "feed_forward is 0: expected 1 or more"),
        ({"layers": 1, "feed_forward": 8, "pooling_layer": True}, "the only layer pools"),
    ],
)
def test_students_that_cannot_be_asked_for_are_refused(wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        StudentOptions(**wrong)
