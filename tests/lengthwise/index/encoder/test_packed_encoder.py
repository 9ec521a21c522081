"""A plain model is read from its files alone, and is the very same encoder."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, processors

from index_builder.build.builder import build_index
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder, locate_encoder
from lengthwise.index.encoder.packed_encoder import PackedEncoder
from lengthwise.index.encoder.sentence_encoder import SentenceEncoder
from lengthwise.index.encoder.token_rows import SIZES
from tests.lengthwise.index.fakes import Source, topic_history
from tests.lengthwise.index.tiny_bert import save_tiny_bert

PROMPTS = ["Hi", "What is the capital of France?", "a long story of a fox " * 100, "日本語 🙂"]


@pytest.fixture
def folder(tmp_path):
    return save_tiny_bert(tmp_path, pooling="mean")


@pytest.fixture
def content_hash(folder):
    return load_encoder(str(folder), device="cpu").content_hash


def from_files(folder, content_hash, dtype=torch.float32):
    return PackedEncoder.from_files(
        str(folder), Path(folder), content_hash=content_hash, dtype=dtype
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_files_alone_give_the_vectors_that_sentence_transformers_led_to(
    folder, content_hash, dtype
):
    precision = str(dtype).removeprefix("torch.")
    whole = load_encoder(str(folder), device="cpu", precision=precision)
    found = from_files(folder, content_hash, dtype)
    assert found is not None
    np.testing.assert_array_equal(found.encode(PROMPTS), whole.encode(PROMPTS))
    facts = ("name", "content_hash", "dimension", "runtime")
    assert [getattr(found, f) for f in facts] == [getattr(whole, f) for f in facts]


def test_the_packaged_default_is_read_from_its_files():
    whole = load_encoder(DEFAULT_ENCODER, device="cpu", precision="float32")
    found = from_files(locate_encoder(DEFAULT_ENCODER), whole.content_hash)
    assert found is not None
    np.testing.assert_array_equal(found.encode(PROMPTS), whole.encode(PROMPTS))


def test_another_hash_is_another_model_which_files_do_not_tell(folder, content_hash):
    assert from_files(folder, "0" * 64) is None
    asked = load_encoder(str(folder), device="cpu", content_hash="0" * 64)
    assert asked.content_hash == content_hash


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"is_decoder": True}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"auto_map": {"AutoModel": "own.Model"}}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"processing_kwargs": {"text": {"padding": True}}}),
        ("sentence_bert_config.json", {"config_kwargs": {"hidden_act": "relu"}}),
        ("sentence_bert_config.json", {"module_output_name": "sentence_embedding"}),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}),
        ("config_sentence_transformers.json", {"truncate_dim": 16}),
        ("config.json", {"num_hidden_layers": 1}),
        ("config.json", {"num_hidden_layers": 3}),
    ],
)
def test_what_does_more_than_a_plain_model_is_left_to_sentence_transformers(
    folder, content_hash, file, changed
):
    assert from_files(folder, content_hash) is not None
    path = Path(folder) / file
    said = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**said, **changed}), "utf-8")
    assert from_files(folder, content_hash) is None


def test_a_module_of_somebody_elses_is_left_to_sentence_transformers(folder, content_hash):
    path = Path(folder) / "modules.json"
    modules = json.loads(path.read_text("utf-8"))
    modules[1]["type"] = "own.modules.Pooling"
    path.write_text(json.dumps(modules), "utf-8")
    assert from_files(folder, content_hash) is None


def test_a_tokenizer_that_tells_parts_apart_is_left_to_sentence_transformers(folder):
    path = Path(folder) / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.save(str(path))
    whole = load_encoder(str(folder), device="cpu")
    assert from_files(folder, whole.content_hash) is None


@pytest.mark.parametrize(
    "lost", ["modules.json", "config.json", "tokenizer.json", "model.safetensors"]
)
def test_a_folder_that_lacks_a_file_is_left_to_sentence_transformers(folder, content_hash, lost):
    (Path(folder) / lost).unlink()
    assert from_files(folder, content_hash) is None


def test_damaged_weights_are_left_to_sentence_transformers(folder, content_hash):
    (Path(folder) / "model.safetensors").write_bytes(b"not weights at all")
    assert from_files(folder, content_hash) is None


def test_other_weights_are_not_taken_for_the_model_that_is_asked_for(folder, content_hash):
    path = Path(folder) / "model.safetensors"
    weights = {name: tensor.clone() for name, tensor in load_file(path).items()}
    weights["embeddings.LayerNorm.bias"][0] += 1
    save_file(weights, path, metadata={"format": "pt"})
    assert from_files(folder, content_hash) is None


def test_other_pooling_runs_in_sentence_transformers_as_before(tmp_path):
    pooled = load_encoder(str(save_tiny_bert(tmp_path, pooling="cls")), device="cpu")
    again = load_encoder(pooled.name, device="cpu", content_hash=pooled.content_hash)
    assert isinstance(again, SentenceEncoder)


def test_an_index_is_served_without_importing_sentence_transformers(folder, tmp_path):
    encoder = load_encoder(str(folder), device="cpu")
    build_index(Source(topic_history(60)), tmp_path / "store", encoder)
    code = (
        "import sys; from lengthwise.index.index import LengthIndex; "
        "from lengthwise.index.estimate.estimate import Query; "
        f"index = LengthIndex.load({str(tmp_path / 'store')!r}, device='cpu'); "
        "index.predict([Query('hello')]); "
        "print([m for m in ('sentence_transformers', 'transformers') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    assert said.strip() == "[]"


def test_prepared_it_encodes_the_same_and_compiles_for_all_sizes(monkeypatch):
    encoder = load_encoder(device="cpu")
    assert isinstance(encoder, PackedEncoder)
    before = encoder.encode(["one prompt", "and another that is longer"])
    seen: list[int] = []
    first = encoder._packed._layers[0]
    spied = replace(first, qkv=lambda x: (seen.append(len(x)), first.qkv(x))[1])
    monkeypatch.setattr(encoder._packed, "_layers", [spied, *encoder._packed._layers[1:]])
    encoder.prepare()
    assert seen == list(SIZES)
    assert (encoder.encode(["one prompt", "and another that is longer"]) == before).all()
