"""One ending out of the several that vLLM tells."""

from scheduler_client.advisor import Ending
from scheduler_client.vllm_plugin.open_requests import OpenRequests


def ending(request_id="r", tokens=10, reason="stop", decode_s=1.0):
    return Ending(request_id, tokens, 5, reason, 0.5, 0.1, decode_s)


def test_a_single_answer_ends_its_request():
    requests = OpenRequests()
    assert requests.open("r", 1)
    assert requests.ended(ending()) == ending()
    assert len(requests) == 0


def test_several_answers_end_as_their_mean():
    requests = OpenRequests()
    requests.open("r", 2)
    assert requests.ended(ending(tokens=10, decode_s=1.0)) is None
    whole = requests.ended(ending(tokens=30, decode_s=3.0))
    assert (whole.output_tokens, whole.decode_s, whole.finish_reason) == (20, 2.0, "stop")


def test_several_answers_of_which_one_was_cut_off_count_as_cut_off():
    requests = OpenRequests()
    requests.open("r", 2)
    requests.ended(ending(reason="length"))
    assert requests.ended(ending()).finish_reason == "length"


def test_an_unknown_request_has_no_end():
    assert OpenRequests().ended(ending()) is None


def test_two_requests_with_one_id_have_no_end():
    requests = OpenRequests()
    assert requests.open("r", 1)
    assert not requests.open("r", 1)
    assert requests.ended(ending()) is None
    assert requests.ended(ending()) is None
    assert len(requests) == 0


def test_an_aborted_request_is_found_by_the_engines_own_id():
    requests = OpenRequests()
    requests.open("r", 2)
    requests.added("r", "r-1a2b")
    assert requests.aborted(["other", "r-1a2b"], internal=True) == ["r"]
    assert requests.ended(ending()) is None


def test_an_aborted_request_is_found_by_the_callers_id():
    requests = OpenRequests()
    requests.open("r", 1)
    assert requests.aborted(["r"], internal=False) == ["r"]
    assert len(requests) == 0


def test_beyond_the_limit_the_oldest_are_forgotten():
    requests = OpenRequests(limit=2)
    for name in "abc":
        requests.open(name, 1)
    assert len(requests) == 2
    assert requests.ended(ending("a")) is None
    assert requests.ended(ending("c")) == ending("c")
