"""Swapping on paper: what a block of Llama-3-8B costs on an H100."""

import pytest

from benchmarks.kv_swap.arithmetic import arithmetic


def test_a_copy_there_and_back_costs_a_fraction_of_computing_a_block_again():
    again, copied, rounded = arithmetic(None).rows
    assert again["us"] == pytest.approx(520, rel=0.02)
    assert copied["us"] == pytest.approx(42, rel=0.02)
    assert rounded["us"] < 0.58 * copied["us"]
    assert copied["round_trip"] < 0.2
