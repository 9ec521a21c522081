"""The forms of row that are understood, in the order in which they are tried."""

from index_builder.history.forms.base import Form
from index_builder.history.forms.chat import ChatForm
from index_builder.history.forms.lengths_by_model import LengthsByModelForm
from index_builder.history.forms.prompt import PromptForm
from index_builder.history.forms.sharegpt import ShareGptForm

FORMS: tuple[Form, ...] = (LengthsByModelForm(), ChatForm(), ShareGptForm(), PromptForm())
"""The last takes what no other does, and says what is missing."""

__all__ = ["FORMS", "Form"]
