"""The ways in which a chat's text is made, by the very functions that make it in the product."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.conversation_text.templates import TEMPLATES, ChatTemplate
from lengthwise.chat_template import ChatTemplate as LearntTemplate
from lengthwise.chat_template import canonical_text
from lengthwise.conversation import ChatMessage, render_conversation
from scheduler_client.vllm_plugin.http_request import read_request


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
    request = read_request(body.encode())
    return _made("the middleware", request.text if request is not None else None)


def plugin_text(
    template: ChatTemplate, learnt: LearntTemplate, messages: Sequence[ChatMessage]
) -> str:
    """What the plugin makes of a prompt that vLLM rendered with a template.

    Args:
        template: What vLLM rendered with.
        learnt: What the plugin has learnt of that template.
        messages: The chat.
    """
    return canonical_text(template.render(messages), learnt)


def learnt_template(template: ChatTemplate) -> LearntTemplate:
    """What the plugin learns of a template, from what that renders."""

    def render(messages: list[dict[str, str]]) -> str:
        return template.render([ChatMessage(**message) for message in messages])

    return LearntTemplate.from_renderer(render)


def _made(by: str, text: str | None) -> str:
    if text is None:
        raise ValueError(f"{by} made no text of a chat: expected one of messages with text alone")
    return text


WAYS_IN = (
    WayIn("history, service", render_conversation),
    WayIn("middleware", middleware_text),
    *(
        WayIn(f"plugin, {one.name}", partial(plugin_text, one, learnt_template(one)))
        for one in TEMPLATES
    ),
)
