"""Keys and values as they come back from the host's memory in 8 bits, without an engine."""

import torch

from scheduler_client.vllm_plugin.swap.eight_bit import EightBitCodec
from scheduler_client.vllm_plugin.swap.layout import BlockLayout


def kept_in_eight_bits(
    keys: torch.Tensor, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a request's keys and values in a layer as a swap does.

    Args:
        keys: Of shape (heads, tokens, channels).
        values: Of the same shape.
    """
    heads, tokens, channels = keys.shape
    cache = torch.cat([keys, values], dim=-1).view(1, 1, heads, tokens, 2 * channels).clone()
    places = torch.arange(cache.numel()).view(heads, tokens, 2 * channels).transpose(0, 1)
    layout = BlockLayout(places[..., :channels].contiguous(), places[..., channels:].contiguous())
    codec, block = EightBitCodec([cache], [layout]), torch.tensor([0])
    header = codec.header(block, tokens)
    codec.decode(codec.encode(block, header), block, header)
    kept_keys, kept_values = cache[0, 0].split(channels, dim=-1)
    return kept_keys, kept_values
