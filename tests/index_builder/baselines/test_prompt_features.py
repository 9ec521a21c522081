"""What is counted in prompts."""

import pytest

from index_builder.baselines.lexical import (
    NAMES,
    NOT_WANTED,
    first_word,
    prompt_features,
    wanted_numbers,
)


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Write 500 words on tea", {"words": 500}),
        ("a 500-word essay", {"words": 500}),
        ("in three short sentences", {"sentences": 3}),
        ("Give Ten tips, each in 2 sentences", {"things": 10, "sentences": 2}),
        ("5 paragraphs", {"paragraphs": 5}),
        ("In 2019 it rained", {}),
        ("wordless", {}),
    ],
)
def test_the_number_of_things_asked_for_is_read(prompt, wanted):
    assert wanted_numbers(prompt) == wanted


def feature(prompt, name):
    return prompt_features([prompt])[0, NAMES.index(name)]


def test_prompts_are_counted_as_by_hand():
    prompt = "List 12 things, please?\n- one\n- two\n```python```"
    assert feature(prompt, "characters") == len(prompt)
    assert feature(prompt, "words") == 9
    assert feature(prompt, "lines") == 3
    assert feature(prompt, "digits") == 2
    assert feature(prompt, "questions") == 1
    assert feature(prompt, "items") == 2
    assert feature(prompt, "code") == 2
    assert feature(prompt, "lists") == 1


def test_a_prompt_that_asks_for_no_number_has_none():
    assert feature("Write a poem", "wanted_words") == NOT_WANTED


def test_no_prompts_have_features_of_no_rows():
    assert prompt_features([]).shape == (0, len(NAMES))


def test_the_first_word_is_without_case_and_marks():
    assert first_word('  "Describe, please') == "describe"
    assert first_word("?!") == ""
