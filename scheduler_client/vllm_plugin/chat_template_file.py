"""The chat template that lies beside a tokenizer, learnt so that chats can be read back from it."""

import json
from pathlib import Path
from typing import Any, cast

from lengthwise.chat_template import ChatTemplate, Renderer

CONFIG, OWN_FILE = "tokenizer_config.json", "chat_template.jinja"
"""Where Hugging Face's tokenizers keep a template: as a field of the one, or as the other."""


def load_chat_template(folder: Path) -> ChatTemplate | None:
    """Learn the template of a tokenizer's folder; None if it has none.

    Raises:
        OSError, ValueError: If a file cannot be read; jinja2's errors if it is no template.
    """
    config = _read_config(folder / CONFIG)
    source = _source(folder, config)
    if source is None:
        return None
    marks = {name: _mark(config.get(name)) for name in ("bos_token", "eos_token")}
    return ChatTemplate.from_renderer(_renderer(source, marks))


def _renderer(source: str, marks: dict[str, str]) -> Renderer:
    # vLLM's environment has it; as Hugging Face's tokenizers use it, or line ends would differ.
    from jinja2.ext import loopcontrols  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals.update({"raise_exception": _refuse})  # pyright: ignore[reportArgumentType, reportCallIssue]  it takes any
    template = environment.from_string(source)
    return lambda messages: template.render(messages=messages, add_generation_prompt=True, **marks)


def _refuse(message: str) -> None:
    """What templates call where they take no such chat."""
    raise ValueError(message)


def _read_config(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    return cast("dict[str, Any]", json.loads(file.read_text("utf-8")))


def _source(folder: Path, config: dict[str, Any]) -> str | None:
    own = folder / OWN_FILE
    if own.exists():
        return own.read_text("utf-8")
    found = config.get("chat_template")
    if isinstance(found, list):  # several by name, of which "default" is for chats
        named = cast("list[dict[str, str]]", found)
        found = next((one["template"] for one in named if one.get("name") == "default"), None)
    return found if isinstance(found, str) else None


def _mark(token: object) -> str:
    if isinstance(token, dict):
        return str(cast("dict[str, Any]", token).get("content", ""))
    return token if isinstance(token, str) else ""
