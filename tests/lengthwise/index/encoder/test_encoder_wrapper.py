"""What encoders that stand before another one promise."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from lengthwise.index.encoder.encoder_wrapper import RememberingEncoder
from tests.lengthwise.index.fakes import BagOfWords


@pytest.fixture
def inner():
    return BagOfWords()


def test_a_prompt_is_encoded_once_and_its_vector_is_the_same(inner):
    encoder = RememberingEncoder(inner, capacity=10)
    truth = BagOfWords().encode(["a", "b", "c"])
    assert encoder.encode(["a", "b"]).tolist() == truth[:2].tolist()
    assert encoder.encode(["c", "b", "a"]).tolist() == truth[::-1].tolist()
    assert inner.encoded == 3


def test_the_oldest_vectors_are_forgotten(inner):
    encoder = RememberingEncoder(inner, capacity=3)
    encoder.encode(["a", "b", "c", "d"])
    encoder.encode(["b", "c", "d"])
    assert inner.encoded == 4
    assert encoder.encode(["a"]).tolist() == BagOfWords().encode(["a"]).tolist()
    assert inner.encoded == 5


def test_a_batch_larger_than_the_memory_is_encoded_all_the_same(inner):
    encoder = RememberingEncoder(inner, capacity=2)
    prompts = [f"p{i % 7}" for i in range(20)]
    assert encoder.encode(prompts).tolist() == BagOfWords().encode(prompts).tolist()
    assert encoder.encode(prompts).tolist() == BagOfWords().encode(prompts).tolist()


def test_a_vector_given_out_can_be_changed_without_harm(inner):
    encoder = RememberingEncoder(inner, capacity=2)
    for _ in range(2):
        encoder.encode(["a"])[:] = 0
    assert encoder.encode(["a"]).tolist() == BagOfWords().encode(["a"]).tolist()


def test_no_prompts_give_no_vectors(inner):
    assert RememberingEncoder(inner, capacity=2).encode([]).shape == (0, 64)


def test_it_is_known_as_the_encoder_it_spares(inner):
    encoder = RememberingEncoder(inner, capacity=2)
    assert (encoder.name, encoder.content_hash) == (inner.name, inner.content_hash)
    assert (encoder.dimension, encoder.runtime) == (inner.dimension, inner.runtime)


def test_threads_that_encode_at_a_time_get_the_right_vectors(inner):
    encoder = RememberingEncoder(inner, capacity=8)
    prompts = [f"p{i}" for i in range(20)]
    truth = BagOfWords().encode(prompts)

    def encode(shift):
        for i in range(200):
            start = (i * shift) % 15
            found = encoder.encode(prompts[start : start + 5])
            assert found.tolist() == truth[start : start + 5].tolist()

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(encode, shift) for shift in (1, 3, 7, 11)]:
            future.result()
