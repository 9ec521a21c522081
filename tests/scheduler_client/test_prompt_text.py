"""The text that the vLLM plugin asks by, made of token ids alone: no vLLM is needed for it."""

import json

import pytest

from lengthwise.conversation import ChatMessage, render_conversation
from scheduler_client.gateways.api_request import read_api_body
from scheduler_client.vllm_plugin.chat_template_file import load_chat_template
from scheduler_client.vllm_plugin.text import load_template, prompt_text

MESSAGES = [
    ChatMessage("user", "Hello"),
    ChatMessage("assistant", "Hi."),
    ChatMessage("user", "Bye"),
]
OWN_WORDS = "I am a template and say so."
SOURCE = (
    "{{ bos_token }}<|im_start|>system\n" + OWN_WORDS + "<|im_end|>\n"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Words:
    """A tokenizer whose ids stand for pieces of text, of which those in marks are special."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def decode(self, ids, *, skip_special_tokens=False):
        special = ("<|", "<s>")
        return "".join(
            piece
            for piece in (self.pieces[i] for i in ids)
            if not (skip_special_tokens and piece.startswith(special))
        )


@pytest.fixture
def folder(tmp_path):
    """A tokenizer's folder with a template in its configuration."""
    config = {"bos_token": {"content": "<s>"}, "chat_template": SOURCE}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


def rendered():
    turns = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in MESSAGES)
    return f"<s><|im_start|>system\n{OWN_WORDS}<|im_end|>\n{turns}<|im_start|>assistant\n"


def test_a_rendered_chat_is_asked_by_the_text_that_a_history_makes_of_its_messages(folder):
    template = load_template(tokenizer_name=str(folder), revision=None, tokenizer_mode="auto")
    text = prompt_text(Words(rendered()), [0], template)
    assert text == render_conversation(MESSAGES)


def test_a_template_may_lie_in_a_file_of_its_own_or_among_several_by_name(folder):
    (folder / "chat_template.jinja").write_text(SOURCE)
    (folder / "tokenizer_config.json").unlink()
    own_file = load_chat_template(folder)
    (folder / "chat_template.jinja").unlink()
    several = [{"name": "tools", "template": "no"}, {"name": "default", "template": SOURCE}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    for template in (own_file, load_chat_template(folder)):
        assert prompt_text(Words(rendered()), [0], template) == render_conversation(MESSAGES)


def test_a_folder_without_a_template_has_none(tmp_path):
    assert load_chat_template(tmp_path) is None


def test_a_plain_prompt_is_its_text_less_special_tokens():
    assert prompt_text(Words("<s>", "Write a haiku"), [0, 1]) == "Write a haiku"


def test_without_a_tokenizer_or_tokens_there_is_no_text():
    assert prompt_text(None, [1]) == ""
    assert prompt_text(Words("a"), []) == ""


def test_the_middleware_asks_by_the_same_text():
    body = json.dumps({"messages": [message._asdict() for message in MESSAGES]})
    request = read_api_body(body.encode())
    assert request is not None
    assert request.text == render_conversation(MESSAGES)


def test_a_chat_of_too_many_messages_is_not_read():
    """Each costs as much as a long one, before anybody has been asked for a key."""
    message = {"role": "user", "content": "hi"}
    body = {"model": "llm", "messages": [message] * 10_001}
    assert read_api_body(json.dumps(body).encode()).text is None
    body["messages"].pop()
    assert read_api_body(json.dumps(body).encode()).text.startswith("user: hi")
