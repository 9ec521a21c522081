"""The forms of row that are understood, in the order in which they are tried."""

from lengthwise.history.files.row_schemas.chat import ChatForm
from lengthwise.history.files.row_schemas.lengths_by_model import LengthsByModelForm
from lengthwise.history.files.row_schemas.prompt import PromptForm
from lengthwise.history.files.row_schemas.row_schema import Form
from lengthwise.history.files.row_schemas.sharegpt import ShareGptForm

FORMS: tuple[Form, ...] = (LengthsByModelForm(), ChatForm(), ShareGptForm(), PromptForm())
"""The last takes what no other does, and says what is missing."""

__all__ = ["FORMS", "Form"]
