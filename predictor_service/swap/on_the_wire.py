"""Swaps as GetIndexInfo tells them."""

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.index_holder import IndexHolder
from predictor_service.swap.switcher import Switcher


def fill_swaps(response: pb.GetIndexInfoResponse, holder: IndexHolder, switcher: Switcher) -> None:
    """Add how the served version came to be served."""
    response.previous_version = switcher.previous
    response.switched_unix_s = holder.switched_unix_s
    response.swaps = holder.swaps
    response.refused_swaps = holder.refused_swaps
