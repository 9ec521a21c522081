"""Chat templates to test with, after the pattern of those that LLMs come with, and their marks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lengthwise.conversation import ChatMessage

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
