"""The tiny model that training is tested with."""

from tests.index_builder.training.conftest import tiny_model  # noqa: F401  a fixture
