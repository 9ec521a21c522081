"""The ways in which a chat's text is made, by the very functions that make it in the product."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lengthwise.chat_template import ChatTemplate as LearntTemplate
from lengthwise.chat_template import canonical_text
from lengthwise.conversation import ChatMessage, render_conversation
from scheduler_client.gateways.api_request import read_api_body

SYSTEM = "Answer what the user asks."
"""What a template says on its own where the chat has no system message."""


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template and what its tokenizer takes for special tokens.

    Args:
        name: The family of LLMs whose pattern it follows.
        source: Jinja, of `messages`, each with `role` and `content`; it ends where the assistant's
            answer would begin.
        all_special_tokens: Texts that the tokenizer makes one special token of.
    """

    name: str
    source: str
    all_special_tokens: list[str]

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt that the LLM sees."""
        return self._compiled.render(messages=[message._asdict() for message in messages])

    @cached_property
    def _compiled(self) -> Template:
        # As Hugging Face's tokenizers render theirs: without these, line ends would differ.
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(self.source)


LLAMA = ChatTemplate(
    "Llama-like",
    """<|begin_of_text|>{% if messages[0].role != "system" %}\
<|start_header_id|>system<|end_header_id|>

"""
    + SYSTEM
    + """<|eot_id|>{% endif %}{% for message in messages %}\
<|start_header_id|>{{ message.role }}<|end_header_id|>

{{ message.content | trim }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>

""",
    ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
)
CHATML = ChatTemplate(
    "ChatML",
    """{% if messages[0].role != "system" %}<|im_start|>system
"""
    + SYSTEM
    + """<|im_end|>
{% endif %}
{% for message in messages %}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
<|im_start|>assistant
""",
    ["<|im_start|>", "<|im_end|>"],
)
VICUNA = ChatTemplate(
    "Vicuna-like",
    """<s>{% if messages[0].role != "system" %}"""
    + SYSTEM
    + """ {% endif %}{% for message in messages %}\
{% if message.role == "system" %}{{ message.content }} \
{% elif message.role == "assistant" %}ASSISTANT: {{ message.content }}</s>\
{% else %}USER: {{ message.content }} {% endif %}{% endfor %}ASSISTANT:""",
    ["<s>", "</s>"],
)
TEMPLATES = (LLAMA, CHATML, VICUNA)


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
    request = read_api_body(body.encode())
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
