"""The reading of a history as command-line options: one for each field of `ReadOptions`."""

from index_builder.dataclass_options import with_dataclass
from index_builder.history import ReadOptions

READING_HELP = {
    "prompt_column": "Text of the prompt.",
    "output_tokens_column": "Tokens generated.",
    "model_column": "The LLM that answered.",
    "id_column": "The row's id.",
    "max_tokens_column": "The caller's limit on generated tokens.",
    "temperature_column": "The temperature of the sampling; 0 is greedy decoding.",
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


with_read_options = with_dataclass("reading", ReadOptions, READING_HELP, "Reading the history")
"""Gives a command every reading option; it receives them as `reading: ReadOptions`."""
