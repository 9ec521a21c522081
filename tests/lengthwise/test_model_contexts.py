"""How long an answer of an LLM can be."""

import pytest

from lengthwise.model_contexts import ModelContexts


def test_a_length_is_cut_to_the_context_of_its_llm_or_to_that_of_all_others():
    contexts = ModelContexts.parse("a=2048, org/b=4096,100")
    assert [contexts.capped(model, 10_000) for model in ("a", "org/b", "c", "")] == [
        2_048,
        4_096,
        100,
        100,
    ]
    assert contexts.capped("a", 7) == 7


def test_where_no_context_is_known_no_length_is_cut():
    assert ModelContexts.parse("a=2048").capped("b", 10_000) == 10_000
    assert ModelContexts.parse("").capped("a", 10_000) == 10_000


@pytest.mark.parametrize("text", ["a", "a=", "a=-1", "a=0", "a=1e3", "a=99999999999"])
def test_what_is_no_context_is_refused_with_what_was_expected(text):
    with pytest.raises(ValueError, match="expected NAME=TOKENS"):
        ModelContexts.parse(text)
