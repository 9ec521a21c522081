"""Prompts in rows: each token where it can be found, none that another prompt could see."""

import numpy as np
import pytest
import torch

from lengthwise.index.encoder.packed_bert import BertShape, PackedBert
from lengthwise.index.encoder.token_rows import (
    FEW_LENGTHS,
    ROW_TOKENS,
    SIZES,
    TokenRows,
    rounded_up,
)

MANY = [3, 96, 17, 95, 130, 2, 40, 41, 300, 5, 600, 60, 61, 17, 3]
"""Tokens of prompts of more than FEW_LENGTHS lengths: below, at and above a row's width."""


def prompts(lengths, *, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 50, length).tolist() for length in lengths]


def shared(lengths):
    rows = TokenRows.lay_out(prompts(lengths), share=True)
    assert rows.shared is not None
    return rows


def test_shared_rows_hold_each_prompt_whole_and_once():
    rows = shared(MANY)
    ends = [*rows.shared.starts[1:], len(rows.shared.places)]
    owners = np.concatenate([group.owners.ravel() for group in rows.groups])
    for number, prompt in enumerate(prompts(MANY)):
        places = rows.shared.places[rows.shared.starts[number] : ends[number]]
        assert rows.token_ids[places].tolist() == prompt
        assert rows.positions[places].tolist() == list(range(len(prompt)))
        assert (owners[places] == number).all()
    assert (owners >= 0).sum() == sum(MANY)


def test_groups_lie_one_after_the_other_and_short_prompts_fill_what_long_ones_leave():
    rows = shared(MANY)
    assert [(group.width, len(group.owners)) for group in rows.groups] == [
        *[(width, 1) for width in (600, 384, 192)],
        (ROW_TOKENS, 4),
    ]
    edges = [0, *(group.stop for group in rows.groups)]
    assert [group.start for group in rows.groups] == edges[:-1]
    assert len(rows.token_ids) == edges[-1] + rows.padding == rounded_up(edges[-1])


def test_few_lengths_have_rows_of_their_own_as_all_have_where_none_are_shared():
    few = [5] * 20 + list(range(6, 5 + FEW_LENGTHS))
    for lengths, share in ((few, True), (MANY, False)):
        asked = prompts(lengths)
        rows = TokenRows.lay_out(asked, share=share)
        assert rows.shared is None
        assert [group.width for group in rows.groups] == sorted(set(lengths))
        told = list(rows.token_ids)[: sum(lengths)]
        assert told == [token for number in rows.order for token in asked[number]]


def test_numbers_of_tokens_are_few_and_little_larger():
    sizes = [rounded_up(tokens) for tokens in range(1, SIZES[-1] + 1)]
    assert set(sizes) == set(SIZES)
    assert all(size >= tokens for tokens, size in enumerate(sizes, 1))
    assert max(size / tokens for tokens, size in enumerate(sizes, 1) if tokens > 48) < 1.34
    assert rounded_up(SIZES[-1] + 1) % ROW_TOKENS == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_vector_is_the_same_whoever_is_in_the_row(dtype):
    bert = PackedBert(BertShape(2, 4, 32, 1e-12), weights(2, 32), dtype)
    asked = prompts(MANY, seed=3)
    together = bert.embed(asked)
    alone = torch.cat([bert.embed([prompt]) for prompt in asked])
    assert (together * alone).sum(dim=1).min() > (0.999999 if dtype is torch.float32 else 0.999)
    others = bert.embed([*asked[:5], *prompts(MANY, seed=4)])[:5]
    assert (others * alone[:5]).sum(dim=1).min() > 0.999


def weights(layers, hidden):
    """Of a BERT that has learnt nothing, large enough that attention makes a difference."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(shape, generator=generator) / hidden**0.25

    state = {
        "embeddings.word_embeddings.weight": random(50, hidden),
        "embeddings.position_embeddings.weight": random(700, hidden),
        "embeddings.token_type_embeddings.weight": random(2, hidden),
    }
    linears = {
        **dict.fromkeys(("attention.self.query", "attention.self.key"), (hidden, hidden)),
        **dict.fromkeys(("attention.self.value", "attention.output.dense"), (hidden, hidden)),
        "intermediate.dense": (4 * hidden, hidden),
        "output.dense": (hidden, 4 * hidden),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(layers):
        prefix = f"encoder.layer.{layer}"
        norms += [f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"]
        for name, shape in linears.items():
            state[f"{prefix}.{name}.weight"] = random(*shape)
            state[f"{prefix}.{name}.bias"] = random(shape[0])
    for name in norms:
        state |= {f"{name}.weight": torch.ones(hidden), f"{name}.bias": torch.zeros(hidden)}
    return state
