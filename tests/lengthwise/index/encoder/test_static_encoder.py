"""The encoder without a network: looked-up vectors, added up."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tokenizers import Tokenizer

from index_builder.build.builder import build_index
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder, locate_encoder
from lengthwise.index.encoder.static_encoder import (
    CONFIG_FILE,
    StaticConfig,
    StaticEncoder,
    pair_places,
)
from lengthwise.index.encoder.word_tokens import WordTokens
from lengthwise.index.errors import EncoderError, InvalidInputError
from tests.lengthwise.index.fakes import Source, topic_history
from tests.lengthwise.index.tiny_bert import save_tiny_bert

PROMPTS = [
    "Hi",
    "What is the capital of France?",
    "def f(x):\n    return x_1 + 1  # what does this do?",
    "un-believable co2 foo@bar.com ``` $3.50 don't",
    "¿Qué hora es? 🙂 日本語",
    "a tab\tand a \x00null be\x0bside, [SEP] and [MASK]",
    "word " * 400,
    "",
    " ",
]


@pytest.fixture(scope="module")
def tokenizer_file():
    return f"{locate_encoder(DEFAULT_ENCODER)}/tokenizer.json"


@pytest.fixture
def tokenizer(tokenizer_file):
    found = Tokenizer.from_file(tokenizer_file)
    found.no_padding()
    found.no_truncation()
    return found


@pytest.fixture
def static(tokenizer):
    config = StaticConfig(tokens=tokenizer.get_vocab_size(), pair_bits=8, window=64)
    table = np.random.default_rng(0).standard_normal((config.rows, 16)).astype(np.float16)
    return StaticEncoder("static", tokenizer, table, config)


def test_words_looked_up_give_the_tokens_that_the_tokenizer_gives(tokenizer):
    words = WordTokens(tokenizer, 1_000)
    expected = [e.ids for e in tokenizer.encode_batch(PROMPTS)]
    assert words.ids(PROMPTS) == expected
    assert words.ids(PROMPTS) == expected  # once more, now that the words are known


def test_a_tokenizer_of_another_kind_is_asked_itself(tmp_path):
    folder = save_tiny_bert(tmp_path, pooling="mean")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = ["w1, w2 w3", "w4 unheard-of"]
    assert WordTokens(tokenizer, 32).ids(texts) == [tokenizer.encode(t).ids for t in texts]


def test_long_prompts_lose_their_middle(tokenizer):
    ids = tokenizer.encode(PROMPTS[6]).ids
    assert WordTokens(tokenizer, 10).ids([PROMPTS[6]]) == [[*ids[:5], *ids[-5:]]]


def test_a_vector_is_the_sum_of_those_of_tokens_and_of_pairs_within_the_prompt(static, tokenizer):
    table = static._table
    vectors = static.encode(PROMPTS)
    for prompt, vector in zip(PROMPTS[:4], vectors, strict=False):
        ids = np.array(tokenizer.encode(prompt).ids)
        pairs = tokenizer.get_vocab_size() + pair_places(ids[:-1], ids[1:], 8)
        whole = table[ids].sum(axis=0) + table[pairs].sum(axis=0)
        assert vector == pytest.approx(whole / np.linalg.norm(whole), abs=1e-5)


def test_rows_have_unit_length_whatever_the_prompts(static):
    vectors = static.encode(PROMPTS)
    assert (vectors.shape, vectors.dtype) == ((len(PROMPTS), 16), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert static.encode([]).shape == (0, 16)


def test_prompts_without_any_token_get_a_vector_of_unit_length_too(tokenizer):
    tokenizer.post_processor = None
    config = StaticConfig(tokens=tokenizer.get_vocab_size(), pair_bits=1, window=8)
    bare = StaticEncoder("bare", tokenizer, np.ones((config.rows, 2), np.float32), config)
    vectors = bare.encode(["", "two words", ""])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_one_string_instead_of_a_list_is_refused(static):
    with pytest.raises(InvalidInputError, match=r"got one string: pass \[prompt\]"):
        static.encode("What is this?")


def test_threads_get_what_one_gets(static):
    expected = static.encode(PROMPTS)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: static.encode(PROMPTS), range(40)))
    assert all(np.array_equal(vectors, expected) for vectors in found)


def test_a_saved_one_is_recognised_by_its_folder_and_gives_the_same_vectors(static, tmp_path):
    static.save(tmp_path / "saved")
    loaded = load_encoder(str(tmp_path / "saved"))
    assert loaded.runtime == "cpu float32 static"
    assert loaded.name == str((tmp_path / "saved").resolve())
    assert loaded.content_hash == static.content_hash
    assert np.array_equal(loaded.encode(PROMPTS), static.encode(PROMPTS))


def test_the_hash_tells_tables_apart(static, tokenizer):
    other = static._table.astype(np.float16)
    other[5, 5] += 1
    config = StaticConfig(tokens=tokenizer.get_vocab_size(), pair_bits=8, window=64)
    assert StaticEncoder("other", tokenizer, other, config).content_hash != static.content_hash


def test_a_folder_of_a_later_version_is_refused(static, tmp_path):
    static.save(tmp_path)
    content = json.loads((tmp_path / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps({**content, "version": 2}))
    with pytest.raises(EncoderError, match=r"version 2: this Lengthwise reads .* version 1"):
        load_encoder(str(tmp_path))


def test_a_table_that_does_not_fit_is_refused(static, tmp_path):
    static.save(tmp_path)
    np.save(tmp_path / "table.npy", np.zeros((7, 3), np.float16))
    with pytest.raises(EncoderError, match=r"a table of shape \(7, 3\): expected 30778 rows"):
        load_encoder(str(tmp_path))


def test_pytorch_is_imported_for_an_index_of_it_only_to_ask_about_a_gpu(static, tmp_path):
    static.save(tmp_path / "encoder")
    build_index(Source(topic_history(60)), tmp_path / "store", load_encoder(f"{tmp_path}/encoder"))
    code = (
        "import sys; from lengthwise.index.index import LengthIndex; "
        "from lengthwise.index.estimate.estimate import Query; "
        f"LengthIndex.load({str(tmp_path / 'store')!r}).predict([Query('hello')]); "
        "from lengthwise.index.encoder.encoder import has_gpu_driver; "
        "print('torch' in sys.modules, has_gpu_driver())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    imported, has_driver = said.split()
    assert imported == has_driver
