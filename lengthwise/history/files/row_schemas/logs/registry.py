"""The tools whose logs are recognised; a new one is a file beside this and a line here."""

from lengthwise.history.files.row_schemas.logs.aiperf import AiperfSchema
from lengthwise.history.files.row_schemas.logs.anthropic import AnthropicSchema
from lengthwise.history.files.row_schemas.logs.anthropic_batch import AnthropicBatchSchema
from lengthwise.history.files.row_schemas.logs.guidellm import GuidellmSchema
from lengthwise.history.files.row_schemas.logs.langfuse import LangfuseSchema
from lengthwise.history.files.row_schemas.logs.litellm import LitellmSchema
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.openai import OpenaiSchema
from lengthwise.history.files.row_schemas.logs.openai_batch import OpenaiBatchSchema
from lengthwise.history.files.row_schemas.logs.otel import OtelSchema
from lengthwise.history.files.row_schemas.logs.phoenix import PhoenixSchema
from lengthwise.history.files.row_schemas.logs.responses import ResponsesSchema
from lengthwise.history.files.row_schemas.logs.sglang import SglangSchema
from lengthwise.history.files.row_schemas.logs.tgi import TgiSchema
from lengthwise.history.files.row_schemas.logs.vllm_bench import VllmBenchSchema

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
