"""What loading an encoder leaves behind."""

import gc

from sentence_transformers import SentenceTransformer

from lengthwise.index.encoder.encoder import load_encoder


def models_alive() -> int:
    return sum(type(found) is SentenceTransformer for found in gc.get_objects())


def test_the_model_that_a_packed_encoder_was_made_from_goes_without_the_collector():
    load_encoder()  # whatever is made once, is made now
    gc.collect()
    before = models_alive()
    gc.disable()
    try:
        encoder = load_encoder()
        assert encoder.runtime.endswith("packed")
        assert models_alive() == before
    finally:
        gc.enable()
