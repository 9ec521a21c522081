"""Chats made into text the way each part of the product makes it."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.conversation_text.chats import Chat, read_chats, split
from benchmarks.conversation_text.pairs import PairResult, is_found
from benchmarks.conversation_text.tables import conversation_report
from benchmarks.conversation_text.ways_in import (
    CHATML,
    TEMPLATES,
    WAYS_IN,
    ChatTemplate,
    learnt_template,
    plugin_text,
)
from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.index.estimate.estimate import LengthEstimate
from lengthwise.prediction import Neighbour

MESSAGES = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "Hello"),
    ChatMessage("assistant", "Hi."),
    ChatMessage("user", "Bye"),
)


def chat(group: str, turn: int = 0) -> Chat:
    return Chat(MESSAGES, 10 + turn, f"{group}-{turn}", group, "llm")


def estimate(similarity: float, output_tokens: int) -> LengthEstimate:
    near = Neighbour("id", similarity, output_tokens, "llm")
    return LengthEstimate(1.0, (0.5,), (1.0,), 1.0, "neighbours", similarity, (near,), True)


def result(seed: int, indexed: str, asked: str, tau_b: float, found: float = 1.0) -> PairResult:
    return PairResult(seed, indexed, asked, tau_b, 100.0, found, 5.0)


@pytest.mark.parametrize("way_in", WAYS_IN, ids=lambda way_in: way_in.name)
def test_every_way_in_keeps_what_was_said_in_its_order(way_in):
    text = way_in.text(MESSAGES)
    places = [text.index(message.content) for message in MESSAGES]
    assert places == sorted(places)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_templates_special_tokens_are_rendered_and_taken_away_again(template: ChatTemplate):
    rendered = template.render(MESSAGES)
    text = plugin_text(template, learnt_template(template), MESSAGES)
    for token in template.all_special_tokens:
        assert token in rendered
        assert token not in text


def test_every_way_in_makes_the_same_text_of_a_chat():
    texts = {way.name: way.text(MESSAGES) for way in WAYS_IN}
    assert set(texts.values()) == {render_conversation(MESSAGES)}, texts


def test_a_template_says_something_of_its_own_only_without_a_system_message():
    assert CHATML.render(MESSAGES).count("system\n") == 1
    assert CHATML.render(MESSAGES[1:]).startswith("<|im_start|>system\n")


def test_a_row_is_read_into_the_messages_before_its_prompt_and_the_prompt(tmp_path: Path):
    row = {"id": "sg-a-b-2", "prompt": "Bye", "output_tokens": 7, "model": "llm"}
    row["conversation"] = [{"role": "assistant", "content": "Hi."}]
    path = tmp_path / "chats.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for _ in "ab").encode()))
    (read,) = read_chats(path, most=1)
    assert read == Chat(MESSAGES[2:], 7, "sg-a-b-2", "sg-a-b", "llm")


def test_all_turns_of_a_conversation_are_on_one_side():
    indexed, held_out = split([chat(str(i), turn) for i in range(50) for turn in range(2)], seed=0)
    groups = {one.group for one in indexed}, {one.group for one in held_out}
    assert all(groups)
    assert groups[0].isdisjoint(groups[1])
    assert len(indexed) + len(held_out) == 100


@pytest.mark.parametrize(
    ("similarity", "output_tokens", "found"),
    [(0.9995, 10, True), (0.99, 10, False), (1.0, 9, False)],
)
def test_a_repeat_is_found_by_its_very_text_and_its_length(similarity, output_tokens, found):
    assert is_found(estimate(similarity, output_tokens), chat("a")) is found


def test_the_report_takes_losses_within_a_split_and_the_worst_pair_of_each():
    found = [
        result(0, "a", "a", 0.5),
        result(0, "a", "b", 0.4, found=0.2),
        result(1, "a", "a", 0.3),
        result(1, "a", "b", 0.28, found=0.1),
    ]
    pairs, aims = conversation_report("a command", 4, found).tables
    assert [row["tau_b_loss"].median for row in pairs.rows] == pytest.approx([0.0, 0.06])
    assert [row["value"].median for row in aims.rows] == pytest.approx([0.06, 0.15])
    assert [row["met"] for row in aims.rows] == [False, False]
