"""Requests that have not ended are remembered, within a bound."""

from scheduler_client.advisor.known_requests import REQUEST_CHARS, KnownRequests


def test_a_request_is_known_until_it_is_forgotten():
    requests = KnownRequests[int, str]()
    requests.add(1, "one", prompt_chars=5)
    assert 1 in requests
    assert (requests.pop(1), requests.pop(1)) == ("one", None)
    assert 1 not in requests


def test_the_oldest_are_forgotten_where_there_are_too_many():
    requests = KnownRequests[int, str](max_chars=3 * REQUEST_CHARS)
    for number in range(10):
        requests.add(number, "", prompt_chars=0)
    assert [number for number in range(10) if number in requests] == [7, 8, 9]


def test_long_prompts_leave_room_for_fewer():
    requests = KnownRequests[int, str](max_chars=10 * REQUEST_CHARS)
    for number in range(10):
        requests.add(number, "", prompt_chars=4 * REQUEST_CHARS)
    assert [number for number in range(10) if number in requests] == [8, 9]
    requests.pop(8)
    requests.add(10, "", prompt_chars=0)
    assert [number for number in range(11) if number in requests] == [9, 10]


def test_one_that_is_too_long_alone_is_not_remembered():
    requests = KnownRequests[int, str](max_chars=2_000)
    requests.add(1, "one", prompt_chars=1_000)
    assert 1 not in requests
