"""Eight bits on a small model that says something: its answers, and the distribution of tokens."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness.table import Column, Row, Table
from benchmarks.kv_swap.setting import Setting, engine_options
from benchmarks.kv_swap.small_model import small_model
from testbed.engine import CACHE
from testbed.in_engine.eight_bit_cache import kept_in_eight_bits
from testbed.in_engine.modelled_engine import ModelledRequest, Served, modelled_engine

REQUESTS = 620
"""A third of them is preempted: two hundred answers to compare."""

ANSWER_TOKENS = 48
BLOCKS = 16
"""About six of the requests fit when they are half way."""

PROMPT_TOKENS = 80
"""Longer prompts are left out: all are to be preempted alike."""

SET = "alpaca_vicuna7b_train.jsonl.gz"

ASKED = 40
"""Requests whose distributions are compared."""

Rounding = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of a layer, (heads, tokens, channels), to the same as they come back."""


def rounded_answers(setting: Setting) -> Table:
    """Greedy answers of the preempted in 8 bits, against those computed again."""
    requests = _questions(setting, setting.count(REQUESTS))
    options = replace(engine_options("recompute"), blocks=BLOCKS, slots=16, window_tokens=512)
    served: list[Served] = []
    for swap in (None, engine_options("8 bits").swap):
        with modelled_engine(small_model(CACHE), replace(options, swap=swap)) as engine:
            served.append(engine.serve(requests))
    exact, rounded = served
    numbers = sorted(rounded.preempted)
    pairs = [(exact.answers[n], rounded.answers[n]) for n in numbers]
    first = [_first_difference(*pair) for pair in pairs if pair[0] != pair[1]]
    others = [n for n in range(len(requests)) if n not in rounded.preempted]
    row: Row = {
        "preempted": len(numbers),
        "identical": 100 * sum(one == other for one, other in pairs) / max(1, len(pairs)),
        "first": sorted(first)[len(first) // 2] if first else None,
        "others": 100 * sum(exact.answers[n] == rounded.answers[n] for n in others) / len(others),
        "swapped_in": rounded.counts.get("swapped_in", 0),
        "recomputed": rounded.counts.get("recomputed", 0),
    }
    columns = (
        Column("preempted", "preempted answers"),
        Column("identical", "identical, %", "{:.1f}"),
        Column("first", "first difference, median token"),
        Column("others", "never preempted, identical, %", "{:.1f}"),
        Column("swapped_in", "tokens swapped in", "{:,}"),
        Column("recomputed", "computed again", "{:,}"),
    )
    return Table("rounded_answers", "SmolLM2-135M in float32, kept in 8 bits", columns, [row])


def divergence(setting: Setting) -> Table:
    """How far the next token's distribution moves when all keys and values are rounded once."""
    from transformers import AutoModelForCausalLM  # noqa: PLC0415  heavy

    model: Any = AutoModelForCausalLM.from_pretrained(small_model(CACHE), dtype=torch.float32)
    questions = _questions(setting, 10 if setting.quick else ASKED)
    found: dict[str, list[float]] = {name: [] for name in ROUNDINGS}
    for question in questions:
        _compare(model, question.prompt, found)
    rows: list[Row] = [
        {"kept": name, "kl": sum(values) / len(values), "tokens": len(values)}
        for name, values in found.items()
    ]
    columns = (
        Column("kept", "keys and values in"),
        Column("kl", "KL to float32, mean, nats", "{:.1e}"),
        Column("tokens", "tokens"),
    )
    return Table("divergence", "SmolLM2-135M: the next token's distribution", columns, rows)


def _as_one_block(keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return kept_in_eight_bits(keys, values, keys.shape[1])


def _cast(dtype: torch.dtype) -> Rounding:
    return lambda keys, values: (keys.to(dtype).float(), values.to(dtype).float())


ROUNDINGS: dict[str, Rounding] = {
    "8 bits, in blocks of 16 tokens": partial(kept_in_eight_bits, block_tokens=16),
    "8 bits, in blocks of 32 tokens": partial(kept_in_eight_bits, block_tokens=32),
    "8 bits, a request as one block": _as_one_block,
    "bfloat16": _cast(torch.bfloat16),
    "fp8 (e4m3)": _cast(torch.float8_e4m3fn),
}


def _compare(model: Any, prompt: Sequence[int], found: dict[str, list[float]]) -> None:
    """Answer, then answer the second half again from rounded keys and values."""
    with torch.inference_mode():
        asked = torch.tensor([prompt])
        answer = model.generate(asked, max_new_tokens=ANSWER_TOKENS, do_sample=False)
        half = (asked.shape[1] + answer.shape[1]) // 2
        past = model(answer[:, :half], use_cache=True).past_key_values
        exact = _log_probabilities(model, answer[:, half:], past, _unrounded)
        for name, rounding in ROUNDINGS.items():
            rounded = _log_probabilities(model, answer[:, half:], past, rounding)
            kl = (exact.exp() * (exact - rounded)).sum(-1)
            found[name] += kl.double().tolist()


def _unrounded(keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return keys, values


def _log_probabilities(
    model: Any, tokens: torch.Tensor, past: Any, rounding: Rounding
) -> torch.Tensor:
    past = deepcopy(past)  # the model adds to it
    for layer in past.layers:
        layer.keys[0], layer.values[0] = rounding(layer.keys[0], layer.values[0])
    return model(tokens, past_key_values=past).logits[0].log_softmax(-1)


def _questions(setting: Setting, count: int) -> list[ModelledRequest]:
    from transformers import AutoTokenizer  # noqa: PLC0415  heavy

    tokenizer: Any = AutoTokenizer.from_pretrained(small_model(CACHE))
    questions: list[ModelledRequest] = []
    for prompt in dict.fromkeys(_prompts(setting.data / SET)):
        message = [{"role": "user", "content": prompt}]
        ids = tokenizer.apply_chat_template(
            message, add_generation_prompt=True, return_dict=True
        ).input_ids
        if len(ids) <= PROMPT_TOKENS:
            questions.append(ModelledRequest(list(ids), ANSWER_TOKENS, 0.0, ends_itself=True))
        if len(questions) == count:
            break
    return questions


def _prompts(path: Path) -> Iterator[str]:
    # Without the library's reader: vLLM's environment has not what it needs.
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["prompt"]


def _first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
