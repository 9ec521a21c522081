"""From what a chat template rendered back to the canonical text of the conversation.

An engine sees a chat as its template rendered it: with marks between the messages, and with what
the template says on its own (a default system prompt, today's date). None of that is the caller's,
and an index of chats holds none of it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.turn_formats import FORMATS, TurnFormat, less_additions, less_begin_mark, read_turns

Renderer = Callable[[list[dict[str, str]]], str]
"""Renders messages, each with "role" and "content", up to where the assistant's answer begins."""

SYSTEM, USER, ANSWER, AGAIN = "lwqsystem", "lwquser", "lwqanswer", "lwqagain"
"""Contents to find again in what a template renders: no template says such words."""

_DATE = re.compile(r"\d{1,2}\\? (?:[A-Z][a-z]+)\\? \d{4}|\d{4}\\?-\d{2}\\?-\d{2}")
"""A date in an escaped pattern: 26 Jul 2024 or 2024-07-26."""


@dataclass(frozen=True, slots=True)
class FixedParts:
    """What a template of no known family writes between contents, where turns alternate.

    Args:
        head: Before the user's first content.
        user_to_assistant: Between a user's content and the answer.
        assistant_to_user: Between an answer and the next user's content.
        tail: After the user's last content.
        system_head: Before a system prompt; None if the template takes none, or if nothing marks
            where it ends.
        system_to_user: Between it and the user's first content.
    """

    head: str
    user_to_assistant: str
    assistant_to_user: str
    tail: str
    system_head: str | None = None
    system_to_user: str = ""

    def messages(self, rendered: str) -> list[ChatMessage] | None:
        """The messages of a rendered chat; None if the text does not have these parts."""
        tail = self.tail.rstrip()
        text = rendered.rstrip()
        if not tail or not text.endswith(tail):
            return None
        text = text[: len(text) - len(tail)]
        # Of two heads the longer says more: a default system prompt begins as any other does.
        as_plain = len(self.head) >= len(self.system_head or "")
        for plain in (as_plain, not as_plain):
            found = self._without_system(text) if plain else self._with_system(text)
            if found is not None:
                return found
        return None

    def _without_system(self, text: str) -> list[ChatMessage] | None:
        if not text.startswith(self.head):
            return None
        return self._alternating(text[len(self.head) :])

    def _with_system(self, text: str) -> list[ChatMessage] | None:
        if self.system_head is None or not text.startswith(self.system_head):
            return None
        system, between, rest = text[len(self.system_head) :].partition(self.system_to_user)
        return [ChatMessage("system", system), *self._alternating(rest)] if between else None

    def _alternating(self, text: str) -> list[ChatMessage]:
        ends = {"user": self.user_to_assistant, "assistant": self.assistant_to_user}
        messages: list[ChatMessage] = []
        role, start = "user", 0
        while (end := text.find(ends[role], start)) >= 0:
            messages.append(ChatMessage(role, text[start:end]))
            start = end + len(ends[role])
            role = "assistant" if role == "user" else "user"
        return [*messages, ChatMessage(role, text[start:])]


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """How one LLM's template writes a chat, learnt from what it renders.

    Args:
        turns: Reads the messages back; None if that cannot be done.
        added: What the template says on its own around the caller's system prompt or in its place;
            what these match of a system message goes.
    """

    turns: TurnFormat | FixedParts | None
    added: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def from_renderer(cls, render: Renderer) -> "ChatTemplate":
        """Learn from a tokenizer's own template, by rendering a few chats of known contents.

        A template that refuses one of them (some take no system prompt) is learnt from the others.

        Args:
            render: Such as `lambda messages: tokenizer.apply_chat_template(messages,
                tokenize=False, add_generation_prompt=True)`.
        """
        plain = _rendered(render, _chat(USER))
        turns = _rendered(render, _chat(USER, ANSWER, AGAIN))
        if plain is None or turns is None:
            return cls(None)
        known = next((f for f in FORMATS if _reads_back(f, plain, turns)), None)
        with_system = _rendered(render, [ChatMessage("system", SYSTEM), *_chat(USER)])
        if known is None:
            parts = _fixed_parts(turns, with_system)
            # Nothing but space between contents is in contents, too.
            told_apart = parts.user_to_assistant.strip() and parts.assistant_to_user.strip()
            return cls(parts if told_apart else None)
        if with_system is None:
            return cls(known, known.added)
        return cls(known, tuple(_additions(known, plain, with_system)))

    def messages(self, rendered: str) -> list[ChatMessage] | None:
        """The conversation that was rendered; None if the text is none of this template's."""
        found = self.turns.messages(rendered) if self.turns is not None else None
        return None if found is None else less_additions(found, self.added)


def canonical_text(rendered: str, template: ChatTemplate | None = None) -> str:
    """The canonical text of a prompt as an engine sees it, special tokens included.

    Of a chat it is what `render_conversation` makes of its messages. Where a template merges
    messages so that nobody can tell them apart (a system prompt put into the user's turn), they
    stay merged. Any other text, such as a plain prompt, comes back as it is, less the mark that the
    tokenizer puts before every text.

    Args:
        rendered: The prompt. Of a long one, head and tail will do.
        template: The LLM's own; without one, or where it does not fit, the families of templates
            in `turn_formats` are tried.
    """
    return chat_text(rendered, template) or less_begin_mark(rendered)


def chat_text(rendered: str, template: ChatTemplate | None = None) -> str:
    """The canonical text of a rendered chat, as of `canonical_text`; "" for any other text."""
    messages = template.messages(rendered) if template is not None else None
    if messages is None:
        messages = read_turns(rendered)
    return render_conversation(messages) if messages else ""


def _chat(*contents: str) -> list[ChatMessage]:
    return [ChatMessage(("user", "assistant")[i % 2], text) for i, text in enumerate(contents)]


def _rendered(render: Renderer, messages: Sequence[ChatMessage]) -> str | None:
    try:
        text = render([message._asdict() for message in messages])
    except Exception:  # noqa: BLE001  templates refuse with errors of their own
        return None
    return text if all(message.content in text for message in messages) else None


def _reads_back(turns: TurnFormat, plain: str, several: str) -> bool:
    """Whether a family's marks are those of the template, whatever system prompt it adds."""
    return all(
        _said(turns.messages(rendered)) == asked
        for rendered, asked in ((plain, _chat(USER)), (several, _chat(USER, ANSWER, AGAIN)))
    )


def _said(messages: Sequence[ChatMessage] | None) -> list[ChatMessage]:
    return [m for m in messages or () if m.role != "system" and m.content]


def _additions(turns: TurnFormat, plain: str, with_system: str) -> list[re.Pattern[str]]:
    """What the template says in place of a system prompt, and around one."""
    patterns = [rf"\A{_any_date(part)}\Z" for part in _system_parts(turns, plain)]
    for part in _system_parts(turns, with_system):
        before, own, after = (piece.strip() for piece in part.partition(SYSTEM))
        if not own:
            patterns.append(rf"\A{_any_date(part)}\Z")
            continue
        if before:
            patterns.append(rf"\A{_any_date(before)}\s*")
        if after:
            # From where white space begins alone: tried from each of n spaces, it costs n squared.
            patterns.append(rf"(?<!\s)\s*{_any_date(after)}\Z")
    return [re.compile(pattern) for pattern in patterns]


def _system_parts(turns: TurnFormat, rendered: str) -> list[str]:
    found = turns.messages(rendered) or ()
    return [m.content for m in found if m.role == "system" and m.content]


def _any_date(text: str) -> str:
    """A pattern of a text that holds on other days, too."""
    return _DATE.sub(lambda date: re.sub(r"\d+|[A-Z][a-z]+", r"\\w+", date[0]), re.escape(text))


def _fixed_parts(several: str, with_system: str | None) -> FixedParts:
    head, _, rest = several.partition(USER)
    to_assistant, _, rest = rest.partition(ANSWER)
    to_user, _, tail = rest.partition(AGAIN)
    if with_system is None:
        return FixedParts(head, to_assistant, to_user, tail)
    system_head, _, rest = with_system.partition(SYSTEM)
    system_to_user = rest.partition(USER)[0]
    if not system_to_user.strip():  # such a separator is in contents, too: they stay together
        return FixedParts(head, to_assistant, to_user, tail)
    return FixedParts(head, to_assistant, to_user, tail, system_head, system_to_user)
