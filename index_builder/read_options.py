"""The reading of a history as command-line options: one for each field of `ReadOptions`."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any

import typer

from index_builder.history import ReadOptions

HELP = {
    "prompt_column": "Text of the prompt.",
    "output_tokens_column": "Tokens generated.",
    "model_column": "The LLM that answered.",
    "id_column": "The row's id.",
    "max_tokens_column": "The caller's limit on generated tokens.",
    "finish_reason_column": "Why the answer ended; 'length' means it was cut off.",
    "group_column": "Rows of one group are never split between learning and testing.",
    "samples_column": "Further draws for the same prompt.",
    "conversation_column": "Messages earlier than the prompt.",
    "messages_column": "A conversation in OpenAI's chat form.",
    "conversations_column": "A conversation in ShareGPT's form.",
    "answer_column": "Text of the answer, counted with --tokenizer where no length is given.",
    "lengths_by_model_column": "An object LLM -> tokens: one row for each LLM.",
    "group_regex": "Takes a row's group from its id: the first capture group, as in '(.*)-[0-9]+'.",
    "tokenizer": "Counts answers: a Hugging Face name, a folder or a tokenizer.json.",
    "on_error": "At a bad row: 'stop', or 'skip' it and count it.",
}


def with_read_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every reading option; it receives them as `reading: ReadOptions`."""
    names = [field.name for field in fields(ReadOptions)]

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> Any:
        reading = ReadOptions(**{name: arguments.pop(name) for name in names})
        return command(reading=reading, **arguments)

    own = [p for p in inspect.signature(command).parameters.values() if p.name != "reading"]
    added = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[
                str, typer.Option(help=HELP[field.name], rich_help_panel="Reading the history")
            ],
        )
        for field in fields(ReadOptions)
    ]
    signature = inspect.Signature([*own, *added])
    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return wrapped
