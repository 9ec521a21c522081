"""Keys and values as they come back from the host's memory in 8 bits, without an engine."""

import torch

from scheduler_client.vllm_plugin.swap.codecs.eight_bit import EightBitCodec
from scheduler_client.vllm_plugin.swap.codecs.layout import BlockLayout


def kept_in_eight_bits(
    keys: torch.Tensor, values: torch.Tensor, block_tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a request's keys and values in a layer as a swap does.

    Args:
        keys: Of shape (heads, tokens, channels).
        values: Of the same shape.
        block_tokens: Tokens whose keys and values one block holds.
    """
    heads, tokens, channels = keys.shape
    blocks = -(-tokens // block_tokens)
    both = torch.nn.functional.pad(
        torch.cat([keys, values], dim=-1), (0, 0, 0, blocks * block_tokens - tokens)
    )
    cache = both.unflatten(1, (blocks, block_tokens)).transpose(0, 1).unsqueeze(1).contiguous()
    places = torch.arange(cache[0].numel()).view(heads, block_tokens, 2 * channels).transpose(0, 1)
    layout = BlockLayout(places[..., :channels].contiguous(), places[..., channels:].contiguous())
    codec, block_ids = EightBitCodec([cache], [layout]), torch.arange(blocks)
    codec.decode(codec.encode(block_ids, tokens), block_ids)
    kept = cache[:, 0].transpose(0, 1).flatten(1, 2)[:, :tokens]
    kept_keys, kept_values = kept.split(channels, dim=-1)
    return kept_keys, kept_values
