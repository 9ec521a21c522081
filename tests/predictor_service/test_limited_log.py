"""Warnings that come in masses are told now and then."""

from predictor_service.limited_log import MAX_SUBJECTS, LimitedLog


def test_the_first_warning_is_told_at_once_and_later_ones_once_a_period(capsys):
    now_s = 0.0
    log = LimitedLog("it happened", period_s=60, clock=lambda: now_s)
    for second in range(180):
        now_s = float(second)
        log.note("a", 10)
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("times=")[2] for line in lines] == ["10", "600", "600"]


def test_each_subject_is_told_of_by_itself_but_made_up_ones_do_not_fill_the_log(capsys):
    log = LimitedLog("it happened", clock=lambda: 0.0)
    for number in range(10_000):
        log.note(f"caller {number}")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == MAX_SUBJECTS + 1
    assert "subject=others" in lines[-1]
