"""What a micro-batch costs, learnt from those before it."""

import random

import pytest

from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.work_model import PROMPT_CHARS, WorkModel, cost_chars


def learnt(fixed_s: float, char_s: float, *, noise: float = 0.0, count: int = 100) -> WorkModel:
    drawn = random.Random(5)
    model = WorkModel()
    for _ in range(count):
        chars = drawn.choice([100, 500, 5_000, 40_000])
        model.learn(chars, (fixed_s + chars * char_s) * drawn.uniform(1 - noise, 1 + noise))
    return model


def test_fixed_part_and_cost_of_a_character_are_found():
    model = learnt(0.005, 8e-6)
    assert model.seconds(100) == pytest.approx(0.0058, rel=0.02)
    assert model.chars_within(0.010) == pytest.approx(625, rel=0.02)


def test_noise_moves_what_fits_by_little():
    assert learnt(0.005, 8e-6, noise=0.3).chars_within(0.010) == pytest.approx(625, rel=0.35)


def test_one_micro_batch_that_was_held_up_changes_next_to_nothing():
    model = learnt(0.005, 8e-6)
    before = model.chars_within(0.010)
    model.learn(500, 2.0)
    assert model.chars_within(0.010) == pytest.approx(before, rel=0.05)


def test_another_encoder_is_learnt_within_a_hundred_micro_batches():
    model = learnt(0.005, 8e-6)
    for i in range(100):
        chars = (100, 5_000)[i % 2]
        model.learn(chars, 0.001 + chars * 1e-6)
    assert model.chars_within(0.010) == pytest.approx(9_000, rel=0.2)


def test_where_all_are_of_one_size_all_of_the_time_is_their_characters():
    model = WorkModel()
    for _ in range(200):
        model.learn(1_000, 0.008)
    assert model.chars_within(0.008) == pytest.approx(1_000, rel=0.05)


def test_nothing_fits_where_the_fixed_part_alone_takes_longer():
    assert learnt(0.030, 8e-6).chars_within(0.010) == 0


def test_before_anything_was_measured_a_few_short_prompts_fit_into_ten_milliseconds():
    assert 200 <= WorkModel().chars_within(0.010) <= 2_000


def test_a_prompt_costs_what_it_costs_beside_its_text_and_no_more_than_the_window_holds():
    assert cost_chars(Query("")) == PROMPT_CHARS
    assert cost_chars(Query("x" * 10**6)) == PROMPT_CHARS + 1_024
