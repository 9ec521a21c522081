"""What students take over of a trained encoder."""

import pytest
import torch
from tokenizers import Tokenizer

from index_builder.distillation.static_module import StaticModule
from index_builder.distillation.students import LayeredStudent, kept_layers
from index_builder.training.base_model import BaseModel
from index_builder.training.batches import padded
from lengthwise.index.encoder.static_encoder import StaticConfig, StaticEncoder


def test_kept_layers_reach_from_the_first_to_the_last():
    assert [kept_layers(6, n) for n in (1, 2, 3)] == [[5], [0, 5], [0, 2, 5]]
    assert kept_layers(12, 4) == [0, 4, 7, 11]


def test_the_units_that_matter_most_are_kept_in_their_order(tiny_model):
    teacher = BaseModel.load(tiny_model)
    into = teacher.transformer.encoder.layer[-1].intermediate.dense
    out = teacher.transformer.encoder.layer[-1].output.dense
    with torch.no_grad():
        for unit in (40, 7, 23):
            into.weight[unit] *= 100
            out.weight[:, unit] *= 100
    layer = LayeredStudent(teacher, 1, feed_forward=3).encoder.transformer.encoder.layer[0]
    kept = [7, 23, 40]
    assert torch.equal(layer.intermediate.dense.weight, into.weight[kept])
    assert torch.equal(layer.intermediate.dense.bias, into.bias[kept])
    assert torch.equal(layer.output.dense.weight, out.weight[:, kept])
    assert torch.equal(layer.output.dense.bias, out.bias)
    assert len(into.weight) == 64, "the teacher was changed"


def test_a_static_student_encodes_in_service_as_it_did_in_training(tmp_path, tiny_model):
    tokenizer = Tokenizer.from_file(f"{tiny_model}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    torch.manual_seed(0)
    module = StaticModule(torch.randn(tokenizer.get_vocab_size(), 8), pair_bits=5)
    torch.nn.init.normal_(module.pairs.weight)
    torch.nn.init.normal_(module.log_weight.weight)
    prompts = ["topic1-a filler3 filler4", "topic2-b", "filler1 topic3-c filler2 filler9"]
    with torch.no_grad():
        trained = module(*padded([tokenizer.encode(p).ids for p in prompts])).numpy()
    config = StaticConfig(tokenizer.get_vocab_size(), 5, 32)
    served = StaticEncoder("s", tokenizer, module.table(), config).encode(prompts)
    assert served == pytest.approx(trained, abs=1e-5)
