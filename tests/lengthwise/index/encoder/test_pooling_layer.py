"""A last layer that computes one state for each prompt: in training, in service, on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from index_builder.distillation.students import LayeredStudent
from index_builder.training.base_model import BaseModel
from index_builder.training.batches import padded
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.encoder.packed_encoder import PackedEncoder
from lengthwise.index.encoder.packed_pooling import POOLING_FOLDER, PREPARED_PROMPTS
from lengthwise.index.encoder.pooling_layer import PoolingLayer, read_model
from lengthwise.index.encoder.sentence_encoder import SentenceEncoder
from lengthwise.index.encoder.token_rows import FEW_LENGTHS, SIZES
from lengthwise.index.errors import EncoderError
from tests.lengthwise.index.tiny_bert import save_tiny_bert

FEW = ["w1", "w2 w3 w4", "w5 w6 w7", "w1 " * 100]
MANY = ["w9 " * (1 + n % 29) + f"w{n}" for n in range(FEW_LENGTHS * 5)]
"""Of so many lengths that prompts share rows where tokens are computed fast."""


@pytest.fixture(params=[(1, None), (2, None), (2, 16)], ids=["1", "2", "2-narrow"])
def student(request, tmp_path):
    """Of so many layers, one or none of which computes a state of each token, so wide."""
    teacher = BaseModel.load(str(save_tiny_bert(tmp_path, pooling="mean", layers=3)))
    layers, width = request.param
    return LayeredStudent(teacher, layers, pooling_layer=True, feed_forward=width)


@pytest.fixture
def folder(student, tmp_path):
    student.save(tmp_path / "student")
    return tmp_path / "student"


def by_training(student, prompts):
    ids = student._model.tokenize(prompts, 32)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patched:
        patched.setattr("index_builder.training.network.fast_bfloat16", lambda _: False)
        return student.encoder.eval()(*padded(ids)).numpy()


@pytest.mark.parametrize("prompts", [FEW, MANY, MANY[:1]], ids=["few", "many", "one"])
@pytest.mark.parametrize(("precision", "alike"), [("float32", 0.99999), ("bfloat16", 0.99)])
def test_it_serves_the_vectors_that_were_trained(student, folder, prompts, precision, alike):
    served = load_encoder(str(folder), device="cpu", precision=precision)
    assert isinstance(served, PackedEncoder)
    cosines = (served.encode(prompts) * by_training(student, prompts)).sum(axis=1)
    assert cosines.min() > alike


def test_shared_rows_give_each_prompt_its_own_vector(folder):
    served = load_encoder(str(folder), device="cpu", precision="bfloat16")
    alone = np.concatenate([served.encode([prompt]) for prompt in MANY])
    cosines = served.encode(MANY) @ alone.T
    assert cosines.diagonal().min() > 0.99
    assert (cosines.argmax(axis=1) == np.arange(len(MANY))).mean() > 0.9


def test_files_alone_give_the_same_without_sentence_transformers(folder):
    whole = load_encoder(str(folder), device="cpu", precision="float32")
    found = PackedEncoder.from_files(
        str(folder), folder, content_hash=whole.content_hash, dtype=torch.float32
    )
    assert found is not None
    np.testing.assert_array_equal(found.encode(MANY), whole.encode(MANY))


def test_sentence_transformers_encodes_the_same_as_on_a_gpu(folder):
    served = load_encoder(str(folder), device="cpu", precision="float32")
    model = read_model(str(folder))
    facts = {"content_hash": served.content_hash, "device": "cpu", "dtype": torch.float32}
    as_there = SentenceEncoder("s", model, tokenizer=served._tokenizer, window=32, **facts)
    assert as_there.dimension == served.dimension
    np.testing.assert_allclose(as_there.encode(FEW[:3]), served.encode(FEW[:3]), atol=1e-5)


def test_other_weights_of_the_layer_are_another_encoder(folder):
    before = load_encoder(str(folder), device="cpu")
    path = folder / POOLING_FOLDER / "model.safetensors"
    weights = {name: tensor.clone() for name, tensor in load_file(path).items()}
    weights["layer.output.dense.bias"][0] += 1
    save_file(weights, path, metadata={"format": "pt"})
    facts = {"content_hash": before.content_hash, "dtype": torch.float32}
    assert PackedEncoder.from_files(str(folder), folder, **facts) is None
    assert load_encoder(str(folder), device="cpu").content_hash != before.content_hash


@pytest.mark.parametrize("lost", ["model.safetensors", "config.json"])
def test_a_folder_that_lacks_a_part_of_the_layer_is_refused(folder, lost):
    (folder / POOLING_FOLDER / lost).unlink()
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(str(folder), device="cpu")


def test_a_layer_of_somebody_else_is_not_taken_for_ours(folder):
    path = folder / "modules.json"
    modules = json.loads(path.read_text("utf-8"))
    modules[1]["type"] = "own.modules.PoolingLayer"
    path.write_text(json.dumps(modules), "utf-8")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(str(folder), device="cpu")


@pytest.mark.parametrize("width", [None, 16])
def test_it_is_trained_on_and_a_smaller_student_is_made_of_it(tmp_path, width):
    whole = BaseModel.load(str(save_tiny_bert(tmp_path, pooling="mean", layers=3)))
    LayeredStudent(whole, 2, pooling_layer=True, feed_forward=width).save(tmp_path / "two")
    two = BaseModel.load(str(tmp_path / "two"))
    assert isinstance(two.pooling_layer, PoolingLayer)
    LayeredStudent(two, 1).save(tmp_path / "one")
    one = load_encoder(str(tmp_path / "one"), device="cpu")
    kept = load_file(tmp_path / "one" / POOLING_FOLDER / "model.safetensors")
    last = load_file(Path(tmp_path, "two", POOLING_FOLDER) / "model.safetensors")
    assert all((kept[name] == last[name]).all() for name in last)
    assert one.encode(FEW).shape == (len(FEW), 32)


def test_kernels_are_prepared_for_all_tokens_of_a_pass_and_for_the_prompts_of_a_micro_batch(folder):
    pooling = load_encoder(str(folder), device="cpu", precision="bfloat16")._packed._pooling
    tokens, prompts = [], []
    pooling._key_value = lambda x: tokens.append(len(x))
    pooling._query = lambda x: x
    pooling._after = lambda x, _: prompts.append(len(x))
    for size in SIZES:
        pooling.prepare(torch.zeros(size, 32))
    assert tokens == list(SIZES)
    assert prompts == [size for size in SIZES if size <= PREPARED_PROMPTS]
