"""Chat templates after the pattern of each family's, as they stand in tokenizer_config.json."""

from collections.abc import Sequence

from jinja2.sandbox import ImmutableSandboxedEnvironment

from lengthwise.conversation import ChatMessage

# As Hugging Face's tokenizers render theirs: without these, line ends would differ.
ENVIRONMENT = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

SYSTEM_FIRST = """\
{% if messages[0].role == "system" %}{% set system = messages[0].content %}\
{% set rest = messages[1:] %}{% else %}{% set system = "" %}{% set rest = messages %}{% endif %}"""

CHATML = """\
{% for m in messages %}{{ "<|im_start|>" + m.role + "\\n" + m.content + "<|im_end|>\\n" }}\
{% endfor %}{{ "<|im_start|>assistant\\n" }}"""

QWEN = (
    """\
{% if messages[0].role != "system" %}\
{{ "<|im_start|>system\\nYou are Somebody, created by Some Cloud. " }}\
{{ "You are a helpful assistant.<|im_end|>\\n" }}{% endif %}"""
    + CHATML
)

QWEN_NOT_THINKING = CHATML + '{{ "<think>\\n\\n</think>\\n\\n" }}'

PHI_4 = """\
{% for m in messages %}<|im_start|>{{ m.role }}<|im_sep|>{{ m.content }}<|im_end|>{% endfor %}\
<|im_start|>assistant<|im_sep|>"""

LLAMA_3 = """\
{{ "<|begin_of_text|>" }}{% for m in messages %}\
{{ "<|start_header_id|>" + m.role + "<|end_header_id|>\\n\\n" + m.content | trim + "<|eot_id|>" }}\
{% endfor %}{{ "<|start_header_id|>assistant<|end_header_id|>\\n\\n" }}"""

LLAMA_3_1 = (
    SYSTEM_FIRST
    + """\
{{ "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\\n\\n" }}\
{{ "Cutting Knowledge Date: December 2023\\nToday Date: " + today + "\\n\\n" }}\
{{ system | trim + "<|eot_id|>" }}{% for m in rest %}\
{{ "<|start_header_id|>" + m.role + "<|end_header_id|>\\n\\n" + m.content | trim + "<|eot_id|>" }}\
{% endfor %}{{ "<|start_header_id|>assistant<|end_header_id|>\\n\\n" }}"""
)

LLAMA_4 = """\
{{ "<|begin_of_text|>" }}{% for m in messages %}\
{{ "<|header_start|>" + m.role + "<|header_end|>\\n\\n" + m.content | trim + "<|eot|>" }}\
{% endfor %}{{ "<|header_start|>assistant<|header_end|>\\n\\n" }}"""

LLAMA_2 = (
    SYSTEM_FIRST
    + """\
{% for m in rest %}\
{% set opening = "<<SYS>>\\n" + system + "\\n<</SYS>>\\n\\n" if loop.first and system else "" %}\
{% set content = opening + m.content %}\
{% if m.role == "user" %}{{ "<s>[INST] " + content | trim + " [/INST]" }}\
{% else %}{{ " " + content | trim + " </s>" }}{% endif %}{% endfor %}"""
)

MISTRAL_7 = (
    SYSTEM_FIRST
    + """\
<s>{% if system %}[SYSTEM_PROMPT]{{ system }}[/SYSTEM_PROMPT]{% endif %}\
{% for m in rest %}{% if m.role == "user" %}[INST]{{ m.content }}[/INST]\
{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"""
)

MISTRAL_MERGING = (
    SYSTEM_FIRST
    + """\
<s>{% for m in rest %}{% if m.role == "user" %}[INST] \
{% if loop.last and system %}{{ system + "\\n\\n" }}{% endif %}{{ m.content }}[/INST]\
{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"""
)

VICUNA = (
    SYSTEM_FIRST
    + """\
<s>{{ system or "A chat between a curious user and an artificial intelligence assistant. \
It is polite." }} \
{% for m in rest %}{% if m.role == "user" %}USER: {{ m.content }} \
{% else %}ASSISTANT: {{ m.content }}</s>{% endif %}{% endfor %}ASSISTANT:"""
)

GEMMA = """\
{% if messages[0].role == "system" %}{{ raise_exception("no system prompt") }}{% endif %}<bos>\
{% for m in messages %}{% set role = "model" if m.role == "assistant" else m.role %}\
{{ "<start_of_turn>" + role + "\\n" + m.content | trim + "<end_of_turn>\\n" }}{% endfor %}\
{{ "<start_of_turn>model\\n" }}"""

ZEPHYR = """\
{% for m in messages %}{{ "<|" + m.role + "|>\\n" + m.content + "</s>\\n" }}{% endfor %}\
{{ "<|assistant|>\\n" }}"""

PHI_3 = """\
<s>{% for m in messages %}{{ "<|" + m.role + "|>\\n" + m.content + "<|end|>\\n" }}{% endfor %}\
{{ "<|assistant|>\\n" }}"""

GLM = """\
[gMASK]<sop>{% for m in messages %}{{ "<|" + m.role + "|>\\n" + m.content }}{% endfor %}\
<|assistant|>"""

GRANITE = """\
{% for m in messages %}\
{{ "<|start_of_role|>" + m.role + "<|end_of_role|>" + m.content + "<|end_of_text|>\\n" }}\
{% endfor %}<|start_of_role|>assistant<|end_of_role|>"""

DEEPSEEK = (
    SYSTEM_FIRST
    + """\
<｜begin▁of▁sentence｜>{{ system }}{% for m in rest %}\
{% if m.role == "user" %}<｜User｜>{{ m.content }}\
{% else %}<｜Assistant｜>{{ m.content }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}\
<｜Assistant｜>"""
)

DEEPSEEK_THINKING = DEEPSEEK + '{{ "<think>\\n" }}'

HARMONY = (
    SYSTEM_FIRST
    + """\
{{ "<|start|>system<|message|>You are ChatGPT, made somewhere.\\nCurrent date: " + iso_day }}\
{{ "\\n\\nReasoning: medium\\n\\n# Valid channels: analysis, final.<|end|>" }}\
{% if system %}{{ "<|start|>developer<|message|># Instructions\\n\\n" + system + "\\n\\n<|end|>" }}\
{% endif %}{% for m in rest %}\
{% if m.role == "user" %}{{ "<|start|>user<|message|>" + m.content + "<|end|>" }}\
{% else %}{{ "<|start|>assistant<|channel|>final<|message|>" + m.content + "<|end|>" }}\
{% endif %}{% endfor %}<|start|>assistant"""
)

OF_NO_FAMILY = (
    SYSTEM_FIRST
    + """\
{% if system %}(( {{ system }} )) {% endif %}{% for m in rest %}\
{% if m.role == "user" %}>> {{ m.content }} {% else %}<< {{ m.content }} ;{% endif %}\
{% endfor %}<<"""
)

OF_NO_FAMILY_WITH_DEFAULT = (
    SYSTEM_FIRST
    + """\
(( {{ system or "Be yourself." }} )) {% for m in rest %}\
{% if m.role == "user" %}>> {{ m.content }} {% else %}<< {{ m.content }} ;{% endif %}\
{% endfor %}<<"""
)

SYSTEM_RIGHT_BEFORE_THE_USER = (
    "<q>{% for message in messages %}{% if message.role == 'system' %}<rules>{{ message.content }}"
    "{% elif message.role == 'user' %}{{ message.content }}</q><a>"
    "{% else %}{{ message.content }}</a><q>{% endif %}{% endfor %}"
)
"""Of no known family; nothing, or a line's end alone, tells its system prompt from the user's."""

CONTENTS_ALONE = """\
{% for m in messages %}{{ m.content + "\\n" }}{% endfor %}"""

KEEPING_SYSTEM_APART = {
    "ChatML": CHATML,
    "Qwen": QWEN,
    "Qwen 3, not thinking": QWEN_NOT_THINKING,
    "Phi-4": PHI_4,
    "Llama 3": LLAMA_3,
    "Llama 3.1": LLAMA_3_1,
    "Llama 4": LLAMA_4,
    "Llama 2": LLAMA_2,
    "Mistral 7": MISTRAL_7,
    "Vicuna": VICUNA,
    "Zephyr": ZEPHYR,
    "Phi-3": PHI_3,
    "GLM": GLM,
    "Granite": GRANITE,
    "DeepSeek": DEEPSEEK,
    "DeepSeek, thinking": DEEPSEEK_THINKING,
    "gpt-oss": HARMONY,
}
MERGING_OR_REFUSING_SYSTEM = {"Gemma": GEMMA, "Mistral, merging": MISTRAL_MERGING}
FAMILIES = KEEPING_SYSTEM_APART | MERGING_OR_REFUSING_SYSTEM
UNKNOWN = {"no family": OF_NO_FAMILY, "no family, a default": OF_NO_FAMILY_WITH_DEFAULT}


def render(source: str, messages: Sequence[ChatMessage], *, today: str = "26 Jul 2024") -> str:
    """The prompt that the LLM sees; templates that tell the date say that it is `today`."""
    asked = [message._asdict() for message in messages]
    iso_day = "2024-07-26" if today == "26 Jul 2024" else "2026-11-28"
    return _compiled(source).render(messages=asked, today=today, iso_day=iso_day)


def _compiled(source: str):
    template = ENVIRONMENT.from_string(source)
    template.globals["raise_exception"] = _refuse
    return template


def _refuse(reason: str) -> str:
    raise ValueError(reason)
