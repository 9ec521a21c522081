"""The learning curve: parts of a history, the same rows asked, each prompt encoded once."""

import numpy as np
import pytest

from index_builder.report.learning_curve import measure_learning_curve, sizes_of
from lengthwise.index.encoder.encoder_wrapper import KnownVectors
from lengthwise.index.errors import InvalidInputError
from tests.lengthwise.index.fakes import BagOfWords, topic_history


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (100, (100,)),
        (120, (100,)),
        (250, (100, 250)),
        (8_000, (100, 300, 1_000, 3_000, 8_000)),
        (50_000, (100, 300, 1_000, 3_000, 10_000, 30_000, 50_000)),
    ],
)
def test_sizes_grow_as_far_as_the_history_goes(rows, sizes):
    assert sizes_of(rows) == sizes


def test_every_size_is_asked_about_the_same_rows_in_up_to_three_parts():
    curve = measure_learning_curve(topic_history(320), topic_history(60, seed=9), BagOfWords())
    assert curve.rows == (100, 300)
    assert [len(part) for part in curve.mae] == [3, 1]
    assert curve.held_out_rows == 60
    assert len(set(curve.mae[0])) == 3
    assert all(
        mae < constant for mae, constant in zip(curve.mae[1], curve.constant_mae[1], strict=True)
    )


def test_each_different_prompt_is_encoded_once_for_all_sizes():
    encoder = BagOfWords()
    learnt, asked = topic_history(320), topic_history(60, seed=9)
    measure_learning_curve(learnt, asked, encoder)
    assert encoder.encoded == len({record.prompt for record in [*learnt, *asked]})


def test_the_same_seed_draws_the_same_parts_and_another_others():
    def curve(seed):
        asked = topic_history(40, seed=9)
        return measure_learning_curve(topic_history(210), asked, BagOfWords(), seed=seed)

    assert curve(1) == curve(1) != curve(2)


def test_too_small_a_history_is_refused_with_both_numbers():
    with pytest.raises(InvalidInputError, match="has 40 rows to build from: expected at least 100"):
        measure_learning_curve(topic_history(40), topic_history(20, seed=9), BagOfWords())


def test_known_vectors_are_the_encoders_own_in_whatever_order_they_are_asked_for(monkeypatch):
    monkeypatch.setattr("lengthwise.index.encoder.encoder_wrapper.BATCH_PROMPTS", 2)
    encoder, told = BagOfWords(), []
    known = KnownVectors.from_prompts(encoder, ["a b", "c", "a b", "d", "e"], told.append)
    assert told == [2, 2]
    assert np.array_equal(known.encode(["e", "a b"]), encoder.encode(["e", "a b"]))
    assert (known.name, known.content_hash, known.dimension) == ("bag-of-words", "b0w" * 8, 64)
