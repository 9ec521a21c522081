"""What the cache keeps and what it lets go."""

from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.cache import ENTRY_OVERHEAD_BYTES, PredictionCache, cache_key


def key(prompt: str, version: str = "v1", **options):
    return cache_key(version, Query(prompt, **options))


def test_it_gives_back_what_was_put():
    cache = PredictionCache(capacity=2, capacity_bytes=10_000)
    cache.put(key("a"), b"answer")
    assert cache.get(key("a")) == b"answer"
    assert cache.get(key("b")) is None


def test_everything_that_changes_the_answer_is_in_the_key():
    keys = {
        key("a"),
        key("a", version="v2"),
        key("a", model="m"),
        key("a", max_tokens=5),
        key("a", neighbour_count=4),
        key("a", include_neighbour_text=True),
        key("a", temperature=0.0),
        key("a", temperature=0.7),
    }
    assert len(keys) == 8


def test_temperatures_that_are_answered_alike_share_an_entry():
    assert key("a", temperature=0.7) == key("a", temperature=0.3)


def test_the_least_recently_used_goes_first():
    cache = PredictionCache(capacity=2, capacity_bytes=10_000)
    cache.put(key("a"), b"1")
    cache.put(key("b"), b"2")
    cache.get(key("a"))
    cache.put(key("c"), b"3")
    assert cache.get(key("b")) is None
    assert cache.get(key("a")) == b"1"


def test_bytes_are_bounded_too():
    cache = PredictionCache(capacity=1_000, capacity_bytes=3 * (ENTRY_OVERHEAD_BYTES + 101))
    for i in range(10):
        cache.put(key(str(i)), bytes(100))
    assert len(cache) == 3
    assert cache.size_bytes <= 3 * (ENTRY_OVERHEAD_BYTES + 101)


def test_putting_a_key_again_does_not_count_it_twice():
    cache = PredictionCache(capacity=2, capacity_bytes=10_000)
    cache.put(key("a"), b"1")
    before = cache.size_bytes
    cache.put(key("a"), b"2")
    assert cache.size_bytes == before
    assert cache.get(key("a")) == b"2"


def test_what_is_larger_than_the_cache_is_not_kept():
    cache = PredictionCache(capacity=2, capacity_bytes=1_000)
    cache.put(key("a" * 2_000), b"1")
    assert len(cache) == 0


def test_capacity_zero_turns_it_off():
    cache = PredictionCache(capacity=0, capacity_bytes=1_000)
    cache.put(key("a"), b"1")
    assert cache.get(key("a")) is None
