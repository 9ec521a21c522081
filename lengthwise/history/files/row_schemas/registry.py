"""The row schemas that are understood; a new one is a file beside this and a line here."""

from lengthwise.history.files.row_schemas.chat import ChatSchema, ShareGptSchema
from lengthwise.history.files.row_schemas.prompt import LengthsByModelSchema, PromptSchema
from lengthwise.history.files.row_schemas.row_schema import RowSchema

ROW_SCHEMAS: tuple[RowSchema, ...] = (
    LengthsByModelSchema(),
    ChatSchema(),
    ShareGptSchema(),
    PromptSchema(),
)
"""In the order in which they are tried; the last takes what no other does, and says what is
missing."""
