"""Which version comes next, and which one before."""

from predictor_service.serving_index.version_choice import EarlierVersions, VersionChoice


def test_it_follows_what_the_place_names():
    choice = VersionChoice()
    assert choice.next("v1", "v1") is None
    assert choice.next("v2", "v1") == "v2"
    assert choice.next(None, "v1") is None


def test_a_refused_version_is_not_tried_again_until_the_place_has_named_another():
    choice = VersionChoice(refused="v2")
    assert choice.next("v2", "v1") is None
    assert choice.next("v3", "v1") == "v3"
    assert choice.next("v1", "v1") is None
    assert choice.next("v2", "v1") == "v2"


def test_a_refused_version_is_tried_again_once_its_files_have_changed_and_rest():
    choice = VersionChoice()
    choice.refuse("v2", "half")
    looks = ["half", "more", "whole", "whole"]
    assert [choice.next("v2", "v1", state) for state in looks] == [None, None, None, "v2"]


def test_files_that_are_as_they_were_are_not_read_again():
    choice = VersionChoice()
    choice.refuse("v2", "broken")
    assert [choice.next("v2", "v1", state) for state in ("other", "broken", "broken")] == [None] * 3


def test_a_version_that_was_left_behind_is_not_followed_but_yet_another_is():
    choice = VersionChoice(held_against="v2")
    assert choice.next("v2", "v1") is None
    assert choice.next("v3", "v1") == "v3"


def test_going_back_leads_to_what_was_served_before_then_to_earlier_versions():
    earlier = EarlierVersions()
    earlier.moved("v3", "v5")
    assert earlier.back_from("v5", ["v1", "v3", "v4", "v5", "v6"]) == ["v3", "v4", "v1"]


def test_going_back_twice_leads_further_back_and_never_to_the_version_that_was_left():
    earlier = EarlierVersions()
    earlier.moved("v1", "v2")
    earlier.moved("v2", "v3")
    earlier.moved("v3", "v2")
    assert earlier.back_from("v2", ()) == ["v1"]
    earlier.moved("v2", "v1")
    assert earlier.back_from("v1", ["v1", "v2", "v3"]) == []


def test_a_bad_version_that_was_left_for_the_one_before_is_not_gone_back_to_later():
    earlier = EarlierVersions()
    earlier.moved("v1", "v2")
    earlier.moved("v2", "v1")
    earlier.moved("v1", "v3")
    assert earlier.back_from("v3", ["v1", "v2", "v3"])[0] == "v1"


def test_where_nothing_was_served_before_there_is_nothing_to_go_back_to():
    earlier = EarlierVersions()
    earlier.moved("", "v1")
    assert earlier.back_from("v1", ()) == []


def test_a_long_life_does_not_make_what_is_remembered_longer_and_longer():
    earlier = EarlierVersions()
    for number in range(100, 200):
        earlier.moved(f"v{number}", f"v{number + 1}")
    assert len(earlier.back_from("v201", ())) == 16
