"""The tools whose logs are recognised; a new one is a file beside this and a line here."""

from lengthwise.history.files.row_schemas.aiperf import AiperfSchema
from lengthwise.history.files.row_schemas.anthropic import AnthropicSchema
from lengthwise.history.files.row_schemas.anthropic_batch import AnthropicBatchSchema
from lengthwise.history.files.row_schemas.guidellm import GuidellmSchema
from lengthwise.history.files.row_schemas.langfuse import LangfuseSchema
from lengthwise.history.files.row_schemas.litellm import LitellmSchema
from lengthwise.history.files.row_schemas.log_schema import LogSchema
from lengthwise.history.files.row_schemas.openai import OpenaiSchema
from lengthwise.history.files.row_schemas.openai_batch import OpenaiBatchSchema
from lengthwise.history.files.row_schemas.otel import OtelSchema
from lengthwise.history.files.row_schemas.phoenix import PhoenixSchema
from lengthwise.history.files.row_schemas.responses import ResponsesSchema
from lengthwise.history.files.row_schemas.sglang import SglangSchema
from lengthwise.history.files.row_schemas.tgi import TgiSchema
from lengthwise.history.files.row_schemas.vllm_bench import VllmBenchSchema

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
