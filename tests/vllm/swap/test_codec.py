"""Blocks to rows of bytes and back, in whatever order a backend keeps them."""

import pytest
import torch

from scheduler_client.vllm_plugin.swap.codecs.codec import (
    RawCodec,
    UnknownLayoutError,
    caches_by_block,
)
from scheduler_client.vllm_plugin.swap.codecs.eight_bit import EightBitCodec
from scheduler_client.vllm_plugin.swap.codecs.layout import BlockLayout
from scheduler_client.vllm_plugin.swap.host_store import HostMemoryRefusedError, HostStore

BLOCKS, HEADS, TOKENS, CHANNELS = 6, 2, 16, 8


def keys_beside_values(cache, keys, values) -> None:
    cache[0, :, :, :CHANNELS] = keys.transpose(0, 1)
    cache[0, :, :, CHANNELS:] = values.transpose(0, 1)


def values_reversed_before_keys(cache, keys, values) -> None:
    flat = cache.view(-1)
    flat[: values.numel()] = values.flatten().flip(0)
    flat[values.numel() :] = keys.permute(2, 0, 1).flatten()


def cache_of(dtype=torch.float32, *, blocks=BLOCKS, strided=False) -> torch.Tensor:
    """Random keys and values; strided: two layers lie in turns in the same memory."""
    shape = (blocks, HEADS, TOKENS, 2 * CHANNELS)
    if strided:
        return torch.randn(blocks, 2, *shape[1:]).to(dtype)[:, 1]
    return torch.randn(shape).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8])
@pytest.mark.parametrize("strided", [False, True])
def test_raw_rows_bring_every_bit_back_to_other_blocks(dtype, strided):
    caches = [cache_of(dtype, strided=strided), cache_of(dtype)]
    by_block = [c for _, c in caches_by_block({"a": caches[0], "b": caches[1]}, BLOCKS)]
    codec = RawCodec(by_block)
    out, into = torch.tensor([4, 0]), torch.tensor([1, 2])
    before = [cache[out].clone() for cache in caches]
    rows = codec.encode(out, 20)
    assert rows.shape == (2, codec.slot_bytes)
    codec.decode(rows, into)
    assert all(torch.equal(c[into], b) for c, b in zip(caches, before, strict=True))


def test_layers_that_share_a_cache_are_copied_once():
    shared = cache_of()
    assert len(caches_by_block({"a": shared, "b": shared}, BLOCKS)) == 1


@pytest.mark.parametrize("shape", [(6, 16), (7, 2, 16, 16), (0, 2, 16, 16)])
def test_a_cache_of_another_shape_is_unknown(shape):
    with pytest.raises(UnknownLayoutError, match="layer a has a cache of shape"):
        caches_by_block({"a": torch.zeros(shape)}, 3)


@pytest.mark.parametrize("write", [keys_beside_values, values_reversed_before_keys])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kernel_blocks", [1, 2])
def test_a_layout_is_found_whatever_the_order(write, dtype, kernel_blocks):
    cache = torch.zeros(BLOCKS, kernel_blocks, HEADS, TOKENS, 2 * CHANNELS, dtype=dtype)
    layout = BlockLayout.from_probe(cache, HEADS, CHANNELS, write)
    keys, values = torch.randn(2, kernel_blocks * TOKENS, HEADS, CHANNELS).to(dtype)
    for number in range(kernel_blocks):
        part = slice(number * TOKENS, (number + 1) * TOKENS)
        write(cache[3, number : number + 1], keys[part], values[part])
    flat = cache[3].flatten()
    assert torch.equal(flat[layout.keys], keys)
    assert torch.equal(flat[layout.values], values)


def writes_nothing(cache, keys, values) -> None:
    pass


def writes_keys_twice(cache, keys, values) -> None:
    keys_beside_values(cache, keys, keys)


def loses_a_token(cache, keys, values) -> None:
    keys_beside_values(cache, keys, values)
    cache[0, 0, 3] = 0


@pytest.mark.parametrize("write", [writes_nothing, writes_keys_twice, loses_a_token])
def test_a_backend_that_does_not_write_each_number_once_is_unknown(write):
    cache = cache_of().unflatten(0, (BLOCKS, 1))
    with pytest.raises(UnknownLayoutError, match="exactly once"):
        BlockLayout.from_probe(cache, HEADS, CHANNELS, write)


def test_a_block_of_another_size_is_unknown():
    cache = cache_of().unflatten(0, (BLOCKS, 1))
    with pytest.raises(UnknownLayoutError, match="expected 16 tokens, 4 heads and 8 channels"):
        BlockLayout.from_probe(cache, 4, CHANNELS, keys_beside_values)


def eight_bits(cache) -> EightBitCodec:
    by_block = cache.unflatten(0, (BLOCKS, 1))
    layout = BlockLayout.from_probe(by_block, HEADS, CHANNELS, keys_beside_values)
    return EightBitCodec([by_block], [layout])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_rounded_keys_are_within_half_a_step_of_their_channel_in_a_block_and_values_of_their_token(
    dtype,
):
    cache = cache_of(dtype)
    cache[..., 3] *= 50  # a channel of large keys
    codec, out, into = eight_bits(cache), torch.tensor([4, 0]), torch.tensor([1, 2])
    before = cache[out].float()
    codec.decode(codec.encode(out, 2 * TOKENS), into)
    keys, values = before.split(CHANNELS, dim=-1)
    error_k, error_v = (cache[into].float() - before).abs().split(CHANNELS, dim=-1)
    step_k = (keys.amax(2) - keys.amin(2)) / 255
    step_v = (values.amax(-1) - values.amin(-1)) / 255
    slack = 2.0 ** {torch.float32: -20, torch.bfloat16: -8, torch.float16: -10}[dtype]
    assert (error_k <= 0.51 * step_k[:, :, None] + slack * keys.abs()).all()
    assert (error_v <= 0.51 * step_v[..., None] + slack * values.abs()).all()
    assert error_k.amax() > 0


def test_tokens_that_are_not_computed_do_not_widen_a_scale():
    cache = cache_of()
    cache[0, :, 10:] = 1e6  # left behind by whoever had the block before
    codec, out, into = eight_bits(cache), torch.tensor([4, 0]), torch.tensor([1, 2])
    before = cache[out].clone()
    codec.decode(codec.encode(out, TOKENS + 10), into)
    assert (cache[into][:, :, :10] - before[:, :, :10]).abs().max() < 0.02


@pytest.mark.parametrize(("number", "error"), [(0.375, 0), (0.3, 1e-5), (-70.1, 1e-3), (0, 0)])
def test_what_is_all_the_same_comes_back_as_near_as_a_scale_can_say(number, error):
    cache = torch.full((BLOCKS, HEADS, TOKENS, 2 * CHANNELS), float(number))
    codec, out, into = eight_bits(cache), torch.tensor([4]), torch.tensor([1])
    rows = codec.encode(out, TOKENS)
    cache[1] = 0
    codec.decode(rows, into)
    assert (cache[1] - cache[4]).abs().max() <= error


def test_a_channel_far_from_0_loses_no_more_than_one_about_it():
    cache = cache_of()
    cache[..., 3] += 100
    codec, out, into = eight_bits(cache), torch.tensor([4]), torch.tensor([1])
    codec.decode(codec.encode(out, TOKENS), into)
    spread = cache[4, :, :, 3].amax(-1) - cache[4, :, :, 3].amin(-1)
    error = (cache[1, :, :, 3] - cache[4, :, :, 3]).abs().amax(-1)
    assert (error <= 0.53 * spread / 255 + 100 * 2**-10 / 255).all()


def test_numbers_beyond_what_a_scale_can_say_come_back_finite():
    cache = cache_of()
    cache[4, 0, 2, 3] = 1e30
    codec, out, into = eight_bits(cache), torch.tensor([4]), torch.tensor([1])
    codec.decode(codec.encode(out, TOKENS), into)
    assert cache[1].isfinite().all()
    assert (cache[1, 1] - cache[4, 1]).abs().max() < 0.02


def test_slots_keep_their_rows_in_whatever_order_they_are_given():
    store = HostStore(8, 4, pinned=False)
    rows = torch.arange(20, dtype=torch.uint8).view(5, 4)
    store.write([6, 7, 2, 3, 0], rows)
    assert torch.equal(store.read([6, 7, 2, 3, 0], torch.device("cpu")), rows)
    assert torch.equal(store.read([3, 0, 6], torch.device("cpu")), rows[[3, 4, 0]])


def test_more_than_the_host_has_is_refused_with_both_numbers():
    with pytest.raises(HostMemoryRefusedError, match="1,099,511,627,776,000 bytes of the host"):
        HostStore(1 << 20, 1_048_576_000, pinned=False)
