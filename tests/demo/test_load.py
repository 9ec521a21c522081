"""The composed demo's traffic, with nobody to answer it but the test."""

import asyncio
from contextlib import suppress
from itertools import islice

import pytest

from demo.load.__main__ import main
from demo.load.askers import EngineAsker, NoAnswerError
from demo.load.traffic import LIMIT_TOKENS, Course, prompts_and_lengths
from demo.load.users import UserCounts, Users
from demo.sample_history import sample_history
from demo.seed import main as seed


class Engine:
    """Answers when told to.

    Args:
        fails: Prompts that get no answer.
    """

    def __init__(self, *fails: str) -> None:
        self.asked: list[tuple[str, int]] = []
        self.answer = asyncio.Event()
        self._fails = fails

    async def ask(self, question) -> None:
        self.asked.append((question.prompt, question.output_tokens))
        if question.prompt in self._fails:
            raise NoAnswerError("out of order")
        await self.answer.wait()


def users_of(engine, course=None, pause_s=0.0):
    questions = iter([(f"p{i}", 10) for i in range(1_000)])
    return Users(engine, questions, course or Course(1, 0), pause_s=pause_s)


async def during(users, count, do):
    running = asyncio.create_task(users.run(count))
    await do()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def until_asked(engine, count):
    async with asyncio.timeout(20):
        while len(engine.asked) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def test_answers_get_longer_at_the_time_that_was_said_and_stay_below_the_limit():
    course = Course(times=1.5, after_s=60)
    assert course.tokens(100, 59.9) == 100
    assert course.tokens(100, 60) == 150
    assert course.tokens(LIMIT_TOKENS, 60) == LIMIT_TOKENS - 1
    assert Course(0.001, 0).tokens(3, 0) == 1


def test_no_prompt_of_the_load_is_in_the_history_that_the_index_is_built_from():
    known = {record.prompt for record in sample_history()}
    asked = list(islice(prompts_and_lengths(50), 120))
    assert not {prompt for prompt, _ in asked} & known
    assert asked[:50] == asked[50:100]


async def test_a_user_asks_the_next_question_once_the_one_before_is_answered():
    engine = Engine()
    users = users_of(engine)

    async def do():
        await until_asked(engine, 3)
        await asyncio.sleep(0.01)
        assert len(engine.asked) == 3
        engine.answer.set()
        await until_asked(engine, 30)

    await during(users, 3, do)
    assert users.counts.answered >= 27
    assert users.counts.failed == 0


async def test_a_question_without_answer_is_counted_and_the_others_go_on():
    engine = Engine("p0")
    engine.answer.set()
    users = users_of(engine)
    await during(users, 2, lambda: until_asked(engine, 20))
    assert users.counts.failed == 1
    assert users.counts.line().endswith("1 failed: out of order")


def test_a_tally_of_nothing_can_be_told():
    assert UserCounts().line() == "0 answered after 0.000 s on average, 0 failed"


@pytest.mark.parametrize("url", ["vllm:8000", "ftp://vllm", "http://127.0.0.1:1"])
def test_an_engine_that_does_not_answer_is_one_line(url):
    with pytest.raises(NoAnswerError, match=r"expected http|no engine answers"):
        EngineAsker.at(url)


def test_options_that_cannot_work_are_refused_with_what_was_expected(capsys):
    with pytest.raises(SystemExit):
        main(["--predictor", "127.0.0.1:1", "--users", "0"])
    assert "--users is 0: expected 1 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])


def test_the_seed_is_as_long_as_asked_for(tmp_path, capsys):
    seed(["--out", str(tmp_path / "h.jsonl.gz"), "--rows", "20"])
    assert "20 GENERATED rows" in capsys.readouterr().out
    assert (tmp_path / "h.jsonl.gz").stat().st_size > 0
