"""A model small enough to be trained in seconds, and a history it can learn."""

import pytest

from tests.lengthwise.index.fakes import TOPICS
from tests.lengthwise.index.tiny_bert import save_tiny_bert


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a tiny mean-pooled BERT that knows the words of `topic_history`."""
    topics = [f"topic{t}-{part}" for t in range(TOPICS) for part in "abc"]
    words = [*topics, *(f"filler{i}" for i in range(100))]
    return str(save_tiny_bert(tmp_path_factory.mktemp("tiny"), pooling="mean", words=words))
