"""One text of a conversation, whether it comes as messages or as a chat template rendered it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lengthwise import turn_formats
from lengthwise.chat_template import ChatTemplate, canonical_text
from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.turn_formats import FORMATS
from tests.lengthwise.chat_templates import (
    CHATML,
    CONTENTS_ALONE,
    FAMILIES,
    GEMMA,
    HARMONY,
    KEEPING_SYSTEM_APART,
    LLAMA_3_1,
    MISTRAL_MERGING,
    QWEN,
    SYSTEM_RIGHT_BEFORE_THE_USER,
    UNKNOWN,
    render,
)

ONE_TURN = [ChatMessage("user", "Write a poem about gRPC.")]
SEVERAL = [
    ChatMessage("user", "Hi! Who are you?\n\nSay it in one line."),
    ChatMessage("assistant", "A program: I predict lengths.\nThat is all."),
    ChatMessage("user", "  How long will *this* be? 3 > 2 [1]\n"),
]
BRIEF = ChatMessage("system", "Be brief.\n\nNever apologise.")
HELPFUL = ChatMessage("system", "You are a helpful assistant.")

# Contents as people write them: anything but the marks of a template themselves.
contents = st.text(
    st.characters(codec="utf-8", exclude_characters="<>[]|:｜()"), min_size=1
).filter(str.strip)


def learnt(source):
    return ChatTemplate.from_renderer(
        lambda messages: render(source, [ChatMessage(**message) for message in messages])
    )


@pytest.fixture(params=["learnt", "by family"])
def template_of(request):
    """A template learnt from its renderer, or none: then the families are tried."""
    return learnt if request.param == "learnt" else lambda _: None


@pytest.mark.parametrize("source", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("messages", [ONE_TURN, SEVERAL], ids=["one turn", "several"])
def test_a_rendered_chat_has_the_text_of_its_messages(source, messages, template_of):
    rendered = render(source, messages)
    assert canonical_text(rendered, template_of(source)) == render_conversation(messages)


@pytest.mark.parametrize("source", KEEPING_SYSTEM_APART.values(), ids=KEEPING_SYSTEM_APART)
@pytest.mark.parametrize("messages", [ONE_TURN, SEVERAL], ids=["one turn", "several"])
def test_a_system_prompt_of_the_callers_is_kept(source, messages, template_of):
    asked = [BRIEF, *messages]
    text = canonical_text(render(source, asked), template_of(source))
    assert text == render_conversation(asked)
    assert text.startswith("system: Be brief.")


@pytest.mark.parametrize("source", FAMILIES.values(), ids=FAMILIES)
def test_one_turn_is_the_bare_text_of_the_user_as_a_plain_prompt_is(source, template_of):
    text = canonical_text(render(source, ONE_TURN), template_of(source))
    assert text == "Write a poem about gRPC."


@pytest.mark.parametrize("source", UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("messages", [ONE_TURN, SEVERAL, [BRIEF, *ONE_TURN], [BRIEF, *SEVERAL]])
def test_a_template_of_no_known_family_is_learnt_from_what_it_renders(source, messages):
    # What it writes before an answer is "<<": contents must not hold that.
    assert canonical_text(render(source, messages), learnt(source)) == render_conversation(messages)


@settings(max_examples=30)
@pytest.mark.parametrize("source", FAMILIES.values(), ids=FAMILIES)
@given(texts=st.lists(contents, min_size=1, max_size=5).filter(lambda texts: len(texts) % 2))
def test_whatever_people_write_comes_back(source, texts):
    messages = [ChatMessage(("user", "assistant")[i % 2], text) for i, text in enumerate(texts)]
    assert canonical_text(render(source, messages)) == render_conversation(messages)


@pytest.mark.parametrize("source", [LLAMA_3_1, HARMONY], ids=["Llama 3.1", "gpt-oss"])
def test_the_date_that_a_template_tells_does_not_enter_the_text_on_any_day(source, template_of):
    template = template_of(source)
    for today in ("26 Jul 2024", "28 Nov 2026"):
        for messages in (ONE_TURN, [BRIEF, *ONE_TURN]):
            rendered = render(source, messages, today=today)
            assert canonical_text(rendered, template) == render_conversation(messages)


def test_a_default_system_prompt_makes_no_difference_whoever_says_it():
    bare = render_conversation(ONE_TURN)
    assert render_conversation([HELPFUL, *ONE_TURN]) == bare
    assert canonical_text(render(CHATML, [HELPFUL, *ONE_TURN])) == bare
    assert canonical_text(render(QWEN, ONE_TURN)) == bare


@pytest.mark.parametrize("source", KEEPING_SYSTEM_APART.values(), ids=KEEPING_SYSTEM_APART)
def test_what_one_family_adds_is_the_callers_own_in_another(source):
    asked = [ChatMessage("system", "# Instructions\n\nBe brief."), *ONE_TURN]
    text = canonical_text(render(source, asked), learnt(source))
    assert text == render_conversation(asked)


def test_a_default_of_a_template_that_nobody_knows_is_learnt():
    own = "{% if messages[0].role != 'system' %}<|im_start|>system\nSing.<|im_end|>\n{% endif %}"
    rendered = render(own + CHATML, ONE_TURN)
    assert canonical_text(rendered, learnt(own + CHATML)) == render_conversation(ONE_TURN)
    assert canonical_text(rendered).startswith("system: Sing.")


def test_a_system_prompt_that_a_template_merges_into_the_users_turn_stays_there():
    merged = canonical_text(render(MISTRAL_MERGING, [BRIEF, *ONE_TURN]), learnt(MISTRAL_MERGING))
    assert merged == f"{BRIEF.content}\n\n{ONE_TURN[0].content}"


@pytest.mark.parametrize("between", ["", "\n"])
def test_a_system_prompt_with_no_mark_before_the_users_text_stays_with_it(between):
    system = "{{ message.content }}{% elif"
    source = SYSTEM_RIGHT_BEFORE_THE_USER.replace(
        system, system.replace("{% elif", f"{{{{ {between!r} }}}}{{% elif")
    )
    template = learnt(source)
    assert template.messages(render(source, ONE_TURN)) == ONE_TURN
    (merged,) = template.messages(render(source, [BRIEF, *ONE_TURN])) or ()
    assert merged == ChatMessage("user", f"<rules>{BRIEF.content}{between}{ONE_TURN[0].content}")


def test_a_template_that_refuses_a_system_prompt_is_learnt_without_one():
    with pytest.raises(ValueError, match="no system prompt"):
        render(GEMMA, [BRIEF, *ONE_TURN])
    assert learnt(GEMMA).messages(render(GEMMA, SEVERAL)) is not None


def test_of_a_template_that_refuses_everything_nothing_is_learnt():
    def refusing(messages):
        raise RuntimeError("no template")

    template = ChatTemplate.from_renderer(refusing)
    assert template.messages("anything") is None
    assert canonical_text(render(CHATML, SEVERAL), template) == render_conversation(SEVERAL)


def test_where_nothing_marks_the_turns_the_text_stays_as_it_is():
    rendered = render(CONTENTS_ALONE, SEVERAL)
    assert canonical_text(rendered, learnt(CONTENTS_ALONE)) == rendered


@pytest.mark.parametrize(
    "prompt",
    [
        "What does [INST] mean in Llama's prompts, and what [/INST]?",
        "Compare <|user|> with <|im_start|> and say which is older.",
        "USER: is a label. Explain it.",
        "Explain <start_of_turn> to me.",
        " a plain prompt \n",
        "",
    ],
)
@pytest.mark.parametrize("source", [QWEN, None], ids=["with a template", "without"])
def test_a_plain_prompt_comes_back_as_it_is(prompt, source):
    assert canonical_text(prompt, learnt(source) if source else None) == prompt


@pytest.mark.parametrize("mark", ["<s>", "<bos>", "<|begin_of_text|>", "<｜begin▁of▁sentence｜>"])
def test_the_mark_before_every_text_is_not_the_prompts(mark):
    assert canonical_text(f"{mark}What is 2 + 2?") == "What is 2 + 2?"
    assert canonical_text(f"What is {mark}?") == f"What is {mark}?"


def test_the_head_and_the_tail_of_a_long_chat_are_enough_for_its_ends():
    messages = [ChatMessage("user", "first " * 900), ChatMessage("assistant", "leaf " * 900)]
    rendered = render(QWEN, [*messages, ChatMessage("user", "Go on.")])
    text = canonical_text(rendered[:2_000] + rendered[-2_000:], learnt(QWEN))
    assert text.startswith("user: first first")
    assert text.endswith("leaf\nGo on.")


def test_what_would_be_the_answers_beginning_is_the_last_message():
    continued = render(CHATML, ONE_TURN) + "Dear gRPC,"
    assert canonical_text(continued) == "user: Write a poem about gRPC.\nDear gRPC,"


class Counting:
    """A pattern that counts the characters it is given to look through."""

    def __init__(self, pattern, looked_through):
        self.pattern, self.looked_through = pattern, looked_through

    def finditer(self, text):
        self.looked_through.append(len(text))
        return self.pattern.finditer(text)

    def search(self, text):
        self.looked_through.append(len(text))
        return self.pattern.search(text)


def test_a_text_of_nothing_but_marks_is_looked_through_at_most_twice_by_each_family(monkeypatch):
    looked_through = []
    counted = tuple(
        replace(
            family,
            opening=Counting(family.opening, looked_through),
            closing=Counting(family.closing, looked_through),
        )
        for family in FORMATS
    )
    monkeypatch.setattr(turn_formats, "FORMATS", counted)
    marks = "<|start|>user<|channel|>" * 200 + "<|im_start|>user\n" * 200 + "[INST]" * 500
    canonical_text(marks)  # once for where turns open, and once more for where their contents end
    assert len(marks) <= sum(looked_through) <= 2 * len(marks) * len(FORMATS)


def test_the_head_of_a_turn_that_never_ends_is_read_only_so_far():
    def turn(marks: int) -> str:
        return f"<|start|>user{'<|channel|>' * marks}<|message|>Hi<|end|><|start|>assistant"

    assert canonical_text(turn(200)) == "Hi"
    assert canonical_text(turn(201)) == turn(201).removeprefix("<|start|>")  # no chat
