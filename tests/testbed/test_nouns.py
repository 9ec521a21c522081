import itertools
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from testbed.engine import running_engine
from testbed.engine_metrics import parse_metrics, total
from testbed.engine_options import EngineOptions, cpu_dtype
from testbed.errors import TestbedError
from testbed.tiny_model import TinyLlama, tiny_model
from testbed.vllm_environment import write_version

METRICS = """\
# HELP vllm:num_requests_running Number of requests
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 2.0
fallbacks_total{cause="deadline",text="a\\"b"} 3.0
fallbacks_total{cause="no_text"} 4
up 1e3
"""


def test_metrics_are_summed_over_the_labels_that_are_not_asked_for():
    samples = parse_metrics(METRICS)
    assert total(samples, "fallbacks_total") == 7
    assert total(samples, "fallbacks_total", cause="deadline") == 3
    assert total(samples, "vllm:num_requests_running", model_name="tiny") == 2
    assert total(samples, "up") == 1000
    assert total(samples, "fallbacks") == 0


def test_the_version_that_vllm_asks_for_says_that_it_is_the_cpus(tmp_path):
    found = Distribution.at(write_version(tmp_path, "0.32.0"))
    assert (found.metadata["Name"], found.version) == ("vllm", "0.32.0+cpu")


def test_an_engine_runs_under_the_policy_and_the_pace_that_are_asked_for():
    options = EngineOptions(
        slots=3, policy="fcfs", step_s=0.01, sequence_s=0.002, true_lengths=True
    )
    command = options.command(Path("vllm"), "folder/model", 8000)
    asked = dict(itertools.pairwise(command))
    assert asked["--max-num-seqs"] == "3"
    assert asked["--scheduling-policy"] == "fcfs"
    assert asked["--served-model-name"] == "model"
    assert "testbed.in_engine.true_length:TrueLength" in command
    assert options.variables()["TESTBED_STEP_S"] == "0.01"
    assert options.variables()["TESTBED_SEQUENCE_S"] == "0.002"


def test_an_engine_without_a_pace_runs_vllms_own_worker():
    command = EngineOptions().command(Path("vllm"), "model", 8000)
    assert "--worker-cls" not in command
    assert "--logits-processors" not in command


@pytest.mark.parametrize(
    ("flags", "dtype"), [("sse2 avx2 avx512f avx512_bf16", "bfloat16"), ("sse2 avx2", "float32")]
)
def test_a_cpu_without_avx_512_is_spared_bfloat16(tmp_path, flags, dtype):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"model name\t: a CPU\nflags\t\t: {flags}\n")
    assert cpu_dtype(cpuinfo) == dtype


def test_an_engine_on_a_gpu_chooses_its_own_precision():
    command = EngineOptions(on_gpu=True).command(Path("vllm"), "model", 8000)
    assert "--dtype" not in command
    assert "--enforce-eager" not in command


def test_a_missing_vllm_says_how_to_install_it(tmp_path):
    with (
        pytest.raises(TestbedError, match="make"),
        running_engine("model", tmp_path, program=tmp_path / "vllm"),
    ):
        pass


def test_a_tiny_model_is_made_once_and_knows_words_and_chat(tmp_path):
    recipe = TinyLlama(hidden=16, layers=1, heads=2, window_tokens=64)
    folder = tiny_model(tmp_path, recipe)
    made = (folder / "model.safetensors").stat()
    assert tiny_model(tmp_path, recipe) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made.st_mtime_ns
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hello"}], tokenize=False, add_generation_prompt=True
    )
    assert said == "user : hello\nassistant :"
    assert len(tokenizer("the capital of france").input_ids) == 6


def test_another_recipe_is_another_folder():
    assert TinyLlama().folder_name != TinyLlama(seed=1).folder_name
