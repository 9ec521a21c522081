"""Whether a lone prompt uses all cores, by times that are given."""

from predictor_service.batching.core_choice import AGAIN_AFTER, TRIALS, CoreChoice


def measured(wide: float, narrow: float, choice: CoreChoice | None = None) -> CoreChoice:
    """Ask until one is chosen; each way takes its time."""
    choice = choice or CoreChoice()
    for _ in range(2 * TRIALS):
        use = choice.next()
        choice.took(use, wide if use else narrow)
    assert choice.chosen is not None
    return choice


def test_all_cores_are_used_where_they_are_faster():
    assert measured(wide=0.7, narrow=1.0).next()


def test_one_core_is_used_where_all_are_hardly_faster_or_slower():
    assert not measured(wide=0.95, narrow=1.0).next()
    assert not measured(wide=9.0, narrow=1.0).next()


def test_both_are_measured_in_turns():
    choice = CoreChoice()
    seen: list[bool] = []
    for _ in range(4):
        seen.append(choice.next())
        choice.took(seen[-1], 1.0)
    assert seen == [True, False, True, False]


def test_one_prompt_that_was_held_up_does_not_decide():
    choice = CoreChoice()
    for i in range(2 * TRIALS):
        use = choice.next()
        choice.took(use, 50.0 if i == 0 else 0.7 if use else 1.0)
    assert choice.chosen


def test_what_gets_slow_is_measured_again_and_given_up():
    choice = measured(wide=0.7, narrow=1.0)
    asked = 0
    while choice.chosen is not None:
        choice.took(choice.next(), 9.0)
        asked += 1
    assert asked <= 2
    assert not measured(wide=9.0, narrow=1.0, choice=choice).chosen


def test_a_machine_that_got_slow_as_a_whole_is_not_measured_for_ever():
    choice = measured(wide=0.7, narrow=1.0)
    while choice.chosen is not None:
        choice.took(choice.next(), 7.0)
    measured(wide=7.0, narrow=10.0, choice=choice)
    for _ in range(AGAIN_AFTER // 2):
        choice.took(choice.next(), 7.0)
    assert choice.chosen


def test_cores_that_others_left_are_found_in_the_end():
    choice = measured(wide=9.0, narrow=1.0)
    for _ in range(AGAIN_AFTER):
        assert not choice.next()
        choice.took(False, 1.0)
    assert measured(wide=0.7, narrow=1.0, choice=choice).chosen
