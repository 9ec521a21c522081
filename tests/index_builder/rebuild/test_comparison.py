"""Whether a candidate may take the live version's place."""

import pytest

from index_builder.rebuild.comparison import Accuracy, Comparison, Loss
from index_builder.rebuild.options import RebuildOptions
from lengthwise.index.errors import InvalidInputError

NO_LUCK = Loss(0.0, 0.0, 0.0)


def compared(loss, luck=NO_LUCK):
    return Comparison(500, Accuracy(0.5, 40.0, 0.9), Accuracy(0.4, 44.0, 0.8), loss, luck)


def faults(loss, luck=NO_LUCK, **options):
    return compared(loss, luck).faults(RebuildOptions(**options))


def test_what_is_better_has_no_fault():
    assert faults(Loss(-0.1, -0.1, -0.1)) == []


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (
            Loss(0.1, 0, 0),
            "mean absolute error 44.0 tokens, live 40.0: +10.0%, tolerated +2.0%",
        ),
        (Loss(0, 0.1, 0), "tau-b 0.400, live 0.500: -0.100, tolerated -0.010"),
        (
            Loss(0, 0, 0.1),
            "coverage of the 90 % interval 80.0%, live 90.0%: 10.0% farther below 90 %, "
            "tolerated 2.0%",
        ),
    ],
)
def test_what_is_worse_is_a_fault_that_says_by_how_much(loss, said):
    assert faults(loss) == [said]


def test_a_loss_that_is_tolerated_is_no_fault():
    assert faults(Loss(0.1, 0, 0), tolerate_mae=0.2) == []


def test_a_loss_within_two_standard_errors_is_no_fault():
    assert faults(Loss(0.1, 0.1, 0.1), Loss(0.06, 0.06, 0.06)) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_new_rows": 10}, "--min-new-rows is 10: expected 40 to "),
        ({"keep_rows": 5}, "--keep-rows is 5: expected 100 to "),
    ],
)
def test_an_option_out_of_range_is_named(options, said):
    with pytest.raises(InvalidInputError, match=said):
        RebuildOptions(**options)
