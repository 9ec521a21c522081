"""A first tier that knows the topics of `topic_history`: a real static encoder and a real head."""

from collections.abc import Collection

import numpy as np
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel

from lengthwise.index.encoder.static_encoder import StaticConfig, StaticEncoder
from lengthwise.index.estimate.head import FEATURES, LengthHead
from lengthwise.index.first_tier.student import Student
from lengthwise.index.length_scale import to_log
from lengthwise.index.store.layout import ENCODER_FOLDER, HEAD_FILE
from tests.lengthwise.index.fakes import TOPICS

BIN_WIDTH = 0.1  # on the log scale; the answers of a topic spread by 0.25
BINS = 70  # from 7 tokens to 8,000
LOWEST = 2.0  # log scale
WORDS = ["[UNK]", "[CLS]", "[SEP]", *(f"topic{t}-{part}" for t in range(TOPICS) for part in "abc")]


def topic_student(
    *, unsure: Collection[int] = (), wrong: Collection[int] = (), models: tuple[str, ...] = ("llm",)
) -> Student:
    """It is right about the topics.

    Args:
        unsure: Topics that it knows nothing of: it spreads their lengths over the whole scale.
        wrong: Topics that it takes for the shortest.
        models: LLMs that it knows.
    """
    return Student(_encoder(), _head(unsure, wrong, models))


def save_student(student: Student, folder) -> None:
    """Write it as a training does."""
    student.encoder.save(folder / ENCODER_FOLDER)
    student.head.save(folder / HEAD_FILE)


def _encoder() -> StaticEncoder:
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    config = StaticConfig(tokens=len(WORDS), pair_bits=1, window=64)
    table = np.zeros((config.rows, TOPICS), np.float32)
    for i, word in enumerate(WORDS[3:], 3):
        table[i, int(word[len("topic")])] = 1
    return StaticEncoder("topics", tokenizer, table, config)


def _head(unsure: Collection[int], wrong: Collection[int], models: tuple[str, ...]) -> LengthHead:
    edges = LOWEST + BIN_WIDTH * np.arange(BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    topics = np.arange(TOPICS)
    said = np.where(np.isin(topics, [*unsure, *wrong]), 0, topics)
    centres = to_log(20 * 2.0**said)[:, None]
    logits = -0.5 * ((middles - centres) / 0.25) ** 2
    logits[list(unsure)] /= 100
    scale = 10.0  # far out on the activation's line, where it changes nothing
    return LengthHead(
        models=models,
        offsets=np.zeros(len(models) + 1),
        edges=edges,
        feature_mean=np.zeros(len(FEATURES), np.float32),
        feature_scale=np.ones(len(FEATURES), np.float32),
        vector_weight=(scale * np.eye(TOPICS)).astype(np.float32),
        feature_weight=np.zeros((len(FEATURES), TOPICS), np.float32),
        model_weight=np.zeros((len(models) + 1, TOPICS), np.float32),
        hidden_bias=np.zeros(TOPICS, np.float32),
        bin_weight=(logits / scale).astype(np.float32),
        bin_bias=np.zeros(BINS, np.float32),
    )
