"""Vectors of earlier rounds: a round encodes only what is new."""

import numpy as np

from index_builder.distributed.vector_cache import VectorCache
from tests.index_builder.distributed.encodings import built_of_parts, encode, plan_of, write_history
from tests.lengthwise.index.fakes import BagOfWords

PROMPTS = [f"prompt number {i}" for i in range(50)]


def test_what_was_encoded_before_is_not_encoded_again(tmp_path):
    encoder = BagOfWords()
    first = VectorCache(encoder, tmp_path).encode(PROMPTS[:40])
    assert encoder.encoded == 40
    again = VectorCache(encoder, tmp_path).encode(PROMPTS[::-1])
    assert encoder.encoded == 50
    assert np.array_equal(again[::-1][:40], first)


def test_each_encoder_has_vectors_of_its_own(tmp_path):
    one, other = BagOfWords(), BagOfWords(content_hash="another")
    VectorCache(one, tmp_path).encode(PROMPTS)
    VectorCache(other, tmp_path).encode(PROMPTS)
    assert other.encoded == len(PROMPTS)


def test_a_segment_that_was_not_finished_is_none(tmp_path):
    VectorCache(BagOfWords(), tmp_path).encode(PROMPTS)
    [keys] = tmp_path.glob("*/*.keys.npy")
    keys.unlink()
    encoder = BagOfWords()
    VectorCache(encoder, tmp_path).encode(PROMPTS)
    assert encoder.encoded == len(PROMPTS)


def test_a_vector_that_is_not_finite_is_not_kept(tmp_path):
    class Broken(BagOfWords):
        def encode(self, prompts):
            vectors = super().encode(prompts)
            vectors[0] = np.nan
            return vectors

    VectorCache(Broken(), tmp_path).encode(PROMPTS)
    encoder = BagOfWords()
    assert np.isfinite(VectorCache(encoder, tmp_path).encode(PROMPTS)).all()
    assert encoder.encoded == 1


def test_no_prompts_have_no_vectors(tmp_path):
    assert VectorCache(BagOfWords(), tmp_path).encode([]).shape == (0, 64)


def test_a_history_that_grew_has_only_its_new_prompts_encoded(tmp_path):
    history = write_history(tmp_path / "history")
    encode(plan_of(history), tmp_path / "first", VectorCache(BagOfWords(), tmp_path / "cache"))
    (history / "day-9.jsonl").write_text(
        '{"prompt": "a new one", "output_tokens": 5}\n{"prompt": "another", "output_tokens": 6}\n'
    )
    encoder = BagOfWords()
    cached = VectorCache(encoder, tmp_path / "cache")
    encode(plan_of(history), tmp_path / "second", cached)
    assert encoder.encoded == 2
    encode(plan_of(history), tmp_path / "plain")
    expected = built_of_parts(tmp_path / "plain", tmp_path / "a")
    assert built_of_parts(tmp_path / "second", tmp_path / "b") == expected
