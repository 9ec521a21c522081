"""The ways in which a chat's text is made, by the very functions that make it in the product."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.conversation_text.templates import TEMPLATES, ChatTemplate
from lengthwise.conversation import ChatMessage, render_conversation
from scheduler_client.vllm_plugin.http_question import read_question
from scheduler_client.vllm_plugin.prompt_text import PromptText


@dataclass(frozen=True, slots=True)
class WayIn:
    """Where a chat comes in, and the text that is made of it there.

    Args:
        name: As the tables name it.
        text: From the messages, oldest first, to the text that is embedded.
    """

    name: str
    text: Callable[[Sequence[ChatMessage]], str]


def middleware_text(messages: Sequence[ChatMessage]) -> str:
    """What vLLM's middleware makes of a chat request's body.

    Raises:
        ValueError: It made no text of it.
    """
    body = json.dumps({"messages": [message._asdict() for message in messages]})
    question = read_question(body.encode())
    return _made("the middleware", question.text if question is not None else None)


def plugin_text(template: ChatTemplate, messages: Sequence[ChatMessage]) -> str:
    """What the plugin makes of a prompt that vLLM rendered with a template.

    Raises:
        ValueError: It made no text of it.
    """
    return _made("the plugin", PromptText(template).of(template.render(messages), None))


def _made(by: str, text: str | None) -> str:
    if text is None:
        raise ValueError(f"{by} made no text of a chat: expected one of messages with text alone")
    return text


WAYS_IN = (
    WayIn("history, service", render_conversation),
    WayIn("middleware", middleware_text),
    *(WayIn(f"plugin, {one.name}", partial(plugin_text, one)) for one in TEMPLATES),
)
