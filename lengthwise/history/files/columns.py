"""Are the columns there? Said once for a file, from its first rows, and again for a stray row."""

from collections.abc import Iterable, Sequence

from lengthwise.history.files.options import ReadOptions, flag
from lengthwise.history.files.values import Row, describe_names, has_column

USAGE_COLUMNS = ("usage.completion_tokens", "usage.output_tokens")
"""Where servers put the length of an answer; looked at when the own column is not there."""

_PROMPT_SOURCES = ("prompt_column", "messages_column", "conversations_column")
"""Options whose columns bring a prompt."""

_LENGTH_SOURCES = ("output_tokens_column", "lengths_by_model_column", "answer_column")
"""Options whose columns bring the length of an answer, or the answer itself."""

_SELF_ANSWERED = ("messages_column", "conversations_column")
"""Options whose columns bring a conversation that holds its answers."""


def needed_columns(options: ReadOptions) -> frozenset[str]:
    """Give the top-level columns that can matter: a columnar file need not read the rest."""
    names = [*options.columns().values(), *USAGE_COLUMNS]
    return frozenset(names) | {name.split(".")[0] for name in names}


def column_fault(
    rows: Sequence[Row],
    options: ReadOptions,
    *,
    known: Iterable[str] = (),
    own: Iterable[str] = (),
) -> str | None:
    """Say what is wrong with the columns of a file, or None.

    Args:
        rows: The first rows of it that can be read.
        options: Names of columns, chosen or by default.
        known: All columns of the file, where the format knows them.
        own: Columns of row schemas under fixed names, see `RowSchema.own_columns`.
    """
    fault = chosen_column_fault(rows, options, known)
    if fault:
        return fault
    if any(has_column(row, column) for row in rows for column in own):
        return None
    there = _there(rows, known)
    if not _any_has(rows, options, _PROMPT_SOURCES):
        return missing_prompt(options, there)
    if not (
        _any_has(rows, options, (*_LENGTH_SOURCES, *_SELF_ANSWERED))
        or any(has_column(row, name) for row in rows for name in USAGE_COLUMNS)
    ):
        return missing_length(options, there)
    return None


def chosen_column_fault(
    rows: Sequence[Row], options: ReadOptions, known: Iterable[str] = ()
) -> str | None:
    """Say which column that somebody chose is not there, or None; arguments as above."""
    there = _there(rows, known)
    for option, column in options.chosen_columns.items():
        if column not in there and not any(has_column(row, column) for row in rows):
            return (
                f"no column '{column}', which {flag(option)} names; "
                f"the columns there are {describe_names(there)}"
            )
    return None


def _there(rows: Sequence[Row], known: Iterable[str]) -> list[str]:
    return sorted({*known, *(name for row in rows for name in row)})


def missing_prompt(options: ReadOptions, there: Iterable[str]) -> str:
    """Say that there is no prompt and which options would name one."""
    return (
        f"no prompt: expected {_expected(options, _PROMPT_SOURCES)}; "
        f"the columns there are {describe_names(sorted(there))}"
    )


def missing_length(options: ReadOptions, there: Iterable[str]) -> str:
    """Say that there is no output length and which options would name one."""
    return (
        f"no output length: expected {_expected(options, _LENGTH_SOURCES)}; "
        f"the columns there are {describe_names(sorted(there))}"
    )


def _any_has(rows: Sequence[Row], options: ReadOptions, sources: Sequence[str]) -> bool:
    names = [getattr(options, option) for option in sources]
    return any(has_column(row, name) for row in rows for name in names if name)


def _expected(options: ReadOptions, sources: Sequence[str]) -> str:
    """List columns with their options: "'prompt' (--prompt-column) or 'messages' (...)"."""
    named = [
        f"'{getattr(options, option)}' ({flag(option)})"
        for option in sources
        if getattr(options, option)
    ]
    return " or ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]
