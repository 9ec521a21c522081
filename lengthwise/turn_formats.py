"""How families of chat templates mark turns, to read a rendered chat back into its messages.

The marks are those of the templates in the LLMs' own tokenizer_config.json. A family is a row of
FORMATS; the order is that in which they are tried.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lengthwise.conversation import CANONICAL_ROLES, ChatMessage

_BEGIN_MARK = r"<s>|<bos>|<sop>|\[gMASK\]|<[|｜](?:begin|start|end)[^<>\s]*>"
"""Begins any text that a tokenizer reads, and is nobody's."""

_BEFORE_TURNS = re.compile(rf"(?:\s|{_BEGIN_MARK})*")
"""What may stand before the first turn and is no part of a system message."""

_BEFORE_TEXT = re.compile(rf"\A(?:{_BEGIN_MARK})+")
"""The marks alone: white space at the start of a text is its own."""

_THINKING_MARKS = re.compile(r"\s*(<think>\s*)?(</think>\s*)?")
"""What a template may put into the answer's place: whether the LLM is to reason first."""


@dataclass(frozen=True, slots=True)
class TurnFormat:
    """The marks of one family.

    Args:
        name: The families of LLMs whose templates write so.
        opening: Begins a turn; its group "role", if it has one, is the role as written there.
        closing: Ends a content, before the next turn opens.
        roles: Where `opening` has no such group: the role that each of its marks stands for.
        added: What the templates of the family put around the caller's system prompt, or in its
            place; what these match of a system message is nobody's.
        starts_with_system: What stands before the first turn is a system prompt.
        needs_open_answer: The marks are such as people write, too: a text is taken for a chat only
            if it ends where the assistant is to go on.
    """

    name: str
    opening: re.Pattern[str]
    closing: re.Pattern[str]
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    added: tuple[re.Pattern[str], ...] = ()
    starts_with_system: bool = False
    needs_open_answer: bool = False

    def messages(self, rendered: str) -> list[ChatMessage] | None:
        """The messages of a rendered chat, less the empty one that the LLM is to fill.

        Returns:
            None if the text is no chat of this family.
        """
        openings = list(self.opening.finditer(rendered))
        if not openings:
            return None
        before = _BEFORE_TURNS.sub("", rendered[: openings[0].start()], count=1).strip()
        if before and not self.starts_with_system:
            return None
        ends = [opening.start() for opening in openings[1:]] + [len(rendered)]
        turns = [
            ChatMessage(self._role(opening), self._content(rendered[opening.end() : end]))
            for opening, end in zip(openings, ends, strict=True)
        ]
        is_open = turns[-1].role == "assistant" and bool(
            _THINKING_MARKS.fullmatch(rendered[openings[-1].end() :])
        )
        if self.needs_open_answer and not is_open:
            return None
        return [ChatMessage("system", before), *(turns[:-1] if is_open else turns)]

    def _role(self, opening: re.Match[str]) -> str:
        role = (self.roles.get(opening[0]) or opening["role"]).strip().lower()
        return CANONICAL_ROLES.get(role, role)

    def _content(self, text: str) -> str:
        closing = self.closing.search(text)
        return (text[: closing.start()] if closing else text).strip()


FORMATS: Sequence[TurnFormat] = (
    TurnFormat(
        "ChatML: Qwen, SmolLM, Phi-4, Yi",
        re.compile(r"<\|im_start\|>(?P<role>[^\n<|]+)(?:\n|<\|im_sep\|>)"),
        re.compile(r"<\|im_end\|>"),
    ),
    TurnFormat(
        "Llama 3, Llama 4",
        re.compile(
            r"<\|(?:start_header_id|header_start)\|>(?P<role>[^<|\n]+)"
            r"<\|(?:end_header_id|header_end)\|>"
        ),
        re.compile(r"<\|(?:eot_id|eom_id|eot|eom)\|>"),
        added=(re.compile(r"\ACutting Knowledge Date: [^\n]*\nToday Date: [^\n]*\n*"),),
    ),
    TurnFormat(
        "harmony: gpt-oss",
        re.compile(
            r"<\|start\|>(?P<role>\w+)"
            r"(?:(?:[^<]|<\|(?:channel|constrain)\|>){0,200}<\|message\|>|\s*\Z)"
        ),
        re.compile(r"<\|(?:end|return|call)\|>"),
        added=(
            re.compile(r"\AYou are ChatGPT, .*# Valid channels: .*\Z", re.DOTALL),
            re.compile(r"\A# Instructions\n+"),
        ),
    ),
    TurnFormat(
        "Gemma",
        re.compile(r"<start_of_turn>(?P<role>\w+)\n"),
        re.compile(r"<end_of_turn>"),
    ),
    TurnFormat(
        "Granite",
        re.compile(r"<\|start_of_role\|>(?P<role>\w+)<\|end_of_role\|>"),
        re.compile(r"<\|end_of_text\|>"),
    ),
    TurnFormat(
        "DeepSeek",
        re.compile(r"<｜(?P<role>User|Assistant)｜>"),
        re.compile(r"<｜end▁of▁sentence｜>"),
        starts_with_system=True,
    ),
    TurnFormat(
        "Zephyr, Phi-3, GLM",
        re.compile(r"<\|(?P<role>system|user|assistant|tool|observation)\|>"),
        re.compile(r"<\|end\|>|<\|endoftext\|>|</s>"),
        needs_open_answer=True,
    ),
    TurnFormat(
        "Llama 2, Mistral",
        re.compile(r"\[SYSTEM_PROMPT\]|\[INST\]|<<SYS>>|<</SYS>>|\[/INST\]"),
        re.compile(r"\[/SYSTEM_PROMPT\]|</s>"),
        roles={
            "[SYSTEM_PROMPT]": "system",
            "[INST]": "user",
            "<<SYS>>": "system",
            "<</SYS>>": "user",
            "[/INST]": "assistant",
        },
        needs_open_answer=True,
    ),
    TurnFormat(
        "Vicuna",
        re.compile(r"(?:(?<=\s)|(?<=</s>)|(?<=<s>)|\A)(?P<role>USER|ASSISTANT):"),
        re.compile(r"</s>"),
        starts_with_system=True,
        needs_open_answer=True,
    ),
)
"""In the order in which they are tried; the ones whose marks also occur in plain text come last and
want an open answer."""


def less_begin_mark(rendered: str) -> str:
    """A text without the mark that its tokenizer begins every text with."""
    return _BEFORE_TEXT.sub("", rendered)


def read_turns(rendered: str) -> list[ChatMessage] | None:
    """The messages of a rendered chat of any family, less additions; None if it is of none."""
    for turn_format in FORMATS:
        messages = turn_format.messages(rendered)
        if messages is not None:
            return less_additions(messages, turn_format.added)
    return None


def less_additions(
    messages: Sequence[ChatMessage], added: Sequence[re.Pattern[str]]
) -> list[ChatMessage]:
    """Take out of system messages what a template added; the emptied ones say nothing."""
    kept: list[ChatMessage] = []
    for role, content in messages:
        left = content
        if role == "system":
            for pattern in added:
                left = pattern.sub("", left)
        kept.append(ChatMessage(role, left))
    return kept
