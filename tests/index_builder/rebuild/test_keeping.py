"""Which rows stay: the newest within every cap."""

from index_builder.rebuild.keeping import Caps, choose


def kept(models, prompts, *, callers=None, rows=0, of_model=0, of_prompt=0, caller_share=1.0):
    caps = Caps(rows, of_model, of_prompt, caller_share)
    found = choose(models, prompts, callers or [""] * len(models), caps)
    return found.places.tolist(), found.dropped


def test_without_caps_all_rows_stay():
    assert kept("aab", "xyz") == ([0, 1, 2], {})


def test_of_too_many_the_newest_stay():
    assert kept("aaaa", "wxyz", rows=2) == ([2, 3], {"old rows": 2})


def test_of_a_repeated_prompt_the_newest_stay_for_each_llm():
    places, dropped = kept("aabaa", "xxxxx", of_prompt=2)
    assert places == [2, 3, 4]
    assert dropped == {"repeated prompts": 2}


def test_of_one_llm_the_newest_stay():
    assert kept("abaab", "vwxyz", of_model=2) == ([1, 2, 3, 4], {"rows of one LLM": 1})


def test_what_one_cap_drops_takes_no_room_under_another():
    places, _ = kept("aaaab", "wxxxy", rows=3, of_prompt=1)
    assert places == [0, 3, 4]


def test_of_one_caller_no_more_than_its_share_stays_and_those_the_newest():
    found = kept("aaaaaaaa", "stuvwxyz", callers="xxxxyxxx", caller_share=0.5)
    assert found == ([3, 4, 5, 6, 7], {"rows of one caller": 3})


def test_rows_whose_caller_is_not_known_have_no_share():
    assert kept("aaaa", "wxyz", callers=["", "", "", "x"], caller_share=0.25)[0] == [0, 1, 2, 3]
