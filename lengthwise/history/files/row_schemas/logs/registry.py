"""The tools whose logs are recognised, and which of them wrote a file.

A new one is a file beside this and a line here.
"""

from collections.abc import Sequence

from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.row_schemas.logs.aiperf import AiperfSchema
from lengthwise.history.files.row_schemas.logs.anthropic import (
    AnthropicBatchSchema,
    AnthropicSchema,
)
from lengthwise.history.files.row_schemas.logs.guidellm import GuidellmSchema
from lengthwise.history.files.row_schemas.logs.langfuse import LangfuseSchema
from lengthwise.history.files.row_schemas.logs.litellm import LitellmSchema
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.openai import (
    OpenaiBatchSchema,
    OpenaiSchema,
    ResponsesSchema,
)
from lengthwise.history.files.row_schemas.logs.otel import OtelSchema
from lengthwise.history.files.row_schemas.logs.phoenix import PhoenixSchema
from lengthwise.history.files.row_schemas.logs.sglang import SglangSchema
from lengthwise.history.files.row_schemas.logs.tgi import TgiSchema
from lengthwise.history.files.row_schemas.logs.vllm_bench import VllmBenchSchema
from lengthwise.history.files.values import Row
from lengthwise.index.errors import InvalidInputError

LOG_SCHEMAS: tuple[LogSchema, ...] = (
    LitellmSchema(),
    OpenaiBatchSchema(),
    AnthropicBatchSchema(),
    VllmBenchSchema(),
    AiperfSchema(),
    GuidellmSchema(),
    OtelSchema(),
    PhoenixSchema(),
    LangfuseSchema(),
    SglangSchema(),
    TgiSchema(),
    ResponsesSchema(),
    AnthropicSchema(),
    OpenaiSchema(),
)
"""In the order in which they are tried: what wraps an API's objects before the objects alone."""


AUTO = "auto"
"""Value of --format: recognise the tool from the first rows."""

COLUMNS = "columns"
"""Value of --format: no tool's log; columns go by the names of the options."""

_TEXT_OPTIONS = (
    "prompt_column",
    "output_tokens_column",
    "messages_column",
    "conversations_column",
    "answer_column",
    "lengths_by_model_column",
)
"""Whoever names one of these says where prompt or length is: then nothing is recognised."""


def format_names() -> tuple[str, ...]:
    """Give all values of --format."""
    return (AUTO, COLUMNS, *(schema.name for schema in LOG_SCHEMAS))


def candidates(options: ReadOptions) -> tuple[LogSchema, ...]:
    """Give the schemas that a file may have.

    Raises:
        InvalidInputError: If --format names none.
    """
    if options.format not in format_names():
        raise InvalidInputError(
            f"format is {options.format!r}: expected one of {', '.join(format_names())}"
        )
    if options.format == AUTO:
        chosen = options.chosen_columns
        return () if any(option in chosen for option in _TEXT_OPTIONS) else LOG_SCHEMAS
    return tuple(schema for schema in LOG_SCHEMAS if schema.name == options.format)


def recognise(rows: Sequence[Row], options: ReadOptions) -> LogSchema | None:
    """Give the schema that at least half of the rows have; the one that was named, in any case.

    Args:
        rows: The first of a file that can be read.
        options: Its `format`, and columns that were named, bound what is tried.
    """
    for schema in candidates(options):
        fitting = sum(schema.recognises(row) for row in rows)
        if options.format == schema.name or 0 < len(rows) <= 2 * fitting:
            return schema
    return None


def log_columns(options: ReadOptions) -> frozenset[str]:
    """Give the top-level columns that a log may hold what is read in."""
    return frozenset(column for schema in candidates(options) for column in schema.columns)
