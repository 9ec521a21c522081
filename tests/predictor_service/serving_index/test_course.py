"""Which version comes next, and which one before."""

from predictor_service.serving_index.version_course import Course, Trail


def test_it_follows_what_the_place_names():
    course = Course()
    assert course.next("v1", "v1") is None
    assert course.next("v2", "v1") == "v2"
    assert course.next(None, "v1") is None


def test_a_refused_version_is_not_tried_again_until_the_place_has_named_another():
    course = Course(refused="v2")
    assert course.next("v2", "v1") is None
    assert course.next("v3", "v1") == "v3"
    assert course.next("v1", "v1") is None
    assert course.next("v2", "v1") == "v2"


def test_a_version_that_was_left_behind_is_not_followed_but_yet_another_is():
    course = Course(held_against="v2")
    assert course.next("v2", "v1") is None
    assert course.next("v3", "v1") == "v3"


def test_going_back_leads_to_what_was_served_before_then_to_earlier_versions():
    trail = Trail()
    trail.moved("v3", "v5")
    assert trail.back_from("v5", ["v1", "v3", "v4", "v5", "v6"]) == ["v3", "v4", "v1"]


def test_going_back_twice_leads_further_back_and_never_to_the_version_that_was_left():
    trail = Trail()
    trail.moved("v1", "v2")
    trail.moved("v2", "v3")
    trail.moved("v3", "v2")
    assert trail.back_from("v2", ()) == ["v1"]
    trail.moved("v2", "v1")
    assert trail.back_from("v1", ["v1", "v2", "v3"]) == []


def test_a_bad_version_that_was_left_for_the_one_before_is_not_gone_back_to_later():
    trail = Trail()
    trail.moved("v1", "v2")
    trail.moved("v2", "v1")
    trail.moved("v1", "v3")
    assert trail.back_from("v3", ["v1", "v2", "v3"])[0] == "v1"


def test_a_long_life_does_not_make_the_trail_longer_and_longer():
    trail = Trail()
    for number in range(100, 200):
        trail.moved(f"v{number}", f"v{number + 1}")
    assert len(trail.back_from("v201", ())) == 16
