"""What is reported counts at once: over a real socket, with a real index and a small encoder."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from index_builder.build.builder import build_index
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.batching.cache import Generation
from predictor_service.serving_index.artifact_source import ArtifactSource
from predictor_service.serving_index.live_rows import LiveLearner, WaitingRecords
from tests.lengthwise.index.fakes import BagOfWords, index_of, topic_history
from tests.predictor_service.fakes import FakeIndex
from tests.predictor_service.waiting import until

PROMISED_S = 1.0
"""Between a report's answer and a prediction that knows of it."""

NEW = "a prompt unlike whatever was seen before"
HISTORY = topic_history(120)


class RealIndex(FakeIndex):
    """A real index over a small encoder, which waits, fails and remembers as the fake one does."""

    def __init__(self, version="v1", records=HISTORY, **encoder) -> None:
        self._real = index_of(records, BagOfWords(**encoder))
        super().__init__(version)
        self.fails_on = ""

    @property
    def recent(self):
        return self._real.recent

    @recent.setter
    def recent(self, rows):
        self._real.recent = rows

    def built_with(self, keys):
        return self._real.built_with(keys)

    def longest_tokens(self, model):
        return self._real.longest_tokens(model)

    def encode(self, prompts):
        super().encode(prompts)
        if self.fails_on and any(self.fails_on in prompt for prompt in prompts):
            raise RuntimeError(f"cannot encode {prompts}")
        return self._real.encode(prompts)

    def search(self, vectors, queries):
        return self._real.search(vectors, queries)

    def estimate(self, hits, queries):
        return self._real.estimate(hits, queries)

    def info(self):
        return self._real.info()


def completion(request_id: str, **fields) -> pb.Completion:
    return pb.Completion(**{"request_id": request_id, "prompt": NEW, "output_tokens": 700} | fields)


async def report(running, *completions: pb.Completion) -> pb.ReportResponse:
    return await running.stub.Report(pb.ReportRequest(completions=completions))


async def predict(running, prompt=NEW, **fields) -> pb.PredictResponse:
    fields = {"neighbour_count": 10} | fields
    return await running.stub.Predict(pb.PredictRequest(prompt=prompt, **fields))


def names(response: pb.PredictResponse) -> list[str]:
    return [neighbour.id for neighbour in response.neighbours]


async def soon(
    ask: Callable[[], Awaitable[pb.PredictResponse]],
    holds: Callable[[pb.PredictResponse], bool],
    within_s: float = 20,
) -> pb.PredictResponse:
    """The first answer that a condition holds of; asked again and again until it is too late."""
    async with asyncio.timeout(within_s):
        while True:
            response = await ask()
            if holds(response):
                return response
            await asyncio.sleep(0.01)


async def learnt(running, rows: int) -> None:
    await until(lambda: running.service.learner.learnt == rows)


async def test_a_reported_prompt_is_predicted_from_itself_within_a_second(serve):
    running = await serve(RealIndex())
    assert (await predict(running)).nearness < 0.9
    await report(running, completion("mine"))
    answer = await soon(lambda: predict(running), lambda r: "mine" in names(r), PROMISED_S)
    assert answer.neighbours[0].output_tokens == 700
    assert answer.nearness == pytest.approx(1, abs=1e-5)
    assert answer.index_version == "v1"


async def test_a_cached_answer_does_not_hide_what_was_reported_since(serve):
    running = await serve(RealIndex())
    for i in range(4):
        await predict(running)
        assert (await predict(running)).timing.batch_size == 0, "from the cache"
        await report(running, completion(f"r{i}"))
        await soon(lambda: predict(running), lambda r, i=i: f"r{i}" in names(r))
        prompts = f"{NEW} {i}"
        await predict(running, prompts)
        await soon(lambda p=prompts: predict(running, p), lambda r: r.timing.batch_size == 0)


async def test_the_report_itself_does_not_wait_for_the_encoder(serve):
    running = await serve(RealIndex())
    running.index.gate.clear()
    assert (await asyncio.wait_for(report(running, completion("a")), 10)).stored == 1
    assert running.service.learner.learnt == 0
    running.index.gate.set()
    await learnt(running, 1)


async def test_predictions_go_on_while_reports_are_being_encoded(serve):
    class SlowToLearn(RealIndex):
        def encode(self, prompts):
            return super().encode(prompts) if NEW in prompts else self._real.encode(prompts)

    running = await serve(SlowToLearn())
    running.index.gate.clear()
    await report(running, completion("a"))
    assert await asyncio.to_thread(running.index.entered.acquire, timeout=20), "being encoded"
    assert (await asyncio.wait_for(predict(running, "another prompt"), 10)).nearness > 0
    running.index.gate.set()
    await learnt(running, 1)


async def test_a_reported_answer_that_was_cut_off_counts_as_longer(serve):
    ended, cut = await serve(RealIndex()), await serve(RealIndex())
    for running, reason in ((ended, 1), (cut, 2)):
        await report(running, *[completion(f"r{i}", finish_reason=reason) for i in range(5)])
        await learnt(running, 5)
    first, second = [(await predict(r)).distribution.expected_tokens for r in (ended, cut)]
    assert second > 1.2 * first


async def test_an_llm_becomes_known_with_its_first_report(serve):
    running = await serve(RealIndex())
    assert not (await predict(running, model="brand-new")).model_known
    await report(running, completion("a", model="brand-new", output_tokens=900))
    answer = await soon(lambda: predict(running, model="brand-new"), lambda r: r.model_known)
    assert answer.neighbours[0].model == "brand-new"


async def test_no_more_rows_are_held_than_the_configuration_allows(serve):
    running = await serve(RealIndex(), live_capacity=10)
    await report(running, *[completion(f"r{i}", prompt=f"{NEW} {i}") for i in range(40)])
    await learnt(running, 40)
    assert len(running.index.recent) <= 10
    assert names(await predict(running, f"{NEW} 39"))[0] == "r39"
    assert "r0" not in names(await predict(running, f"{NEW} 0"))


async def test_a_capacity_of_zero_learns_nothing(serve):
    running = await serve(RealIndex(), live_capacity=0)
    assert (await report(running, completion("a"))).stored == 1
    await predict(running)
    assert running.index.recent is None
    assert running.index.prompts == [NEW], "encoded for the prediction alone"


async def test_the_built_rows_are_reported_as_they_were(serve):
    running = await serve(RealIndex())
    await report(running, completion("a"))
    await learnt(running, 1)
    info = await running.stub.GetIndexInfo(pb.GetIndexInfoRequest())
    assert (info.rows, info.reported) == (120, 1)


@pytest.mark.parametrize("kept_in_file", [False, True])
async def test_a_duplicate_is_not_learnt_twice(serve, tmp_path, kept_in_file):
    options = {"completions": tmp_path / "c.jsonl"} if kept_in_file else {}
    running = await serve(RealIndex(), **options)
    await report(running, completion("a"), completion("a"), completion("b"))
    await report(running, completion("a", output_tokens=5), completion("c"))
    await learnt(running, 3)
    answer = await predict(running, neighbour_count=3)
    lengths = {n.id: n.output_tokens for n in answer.neighbours}
    assert lengths == {"a": 700, "b": 700, "c": 700}


async def test_what_an_earlier_process_stored_is_a_duplicate_and_not_learnt(serve, tmp_path):
    path = tmp_path / "c.jsonl"
    first = await serve(RealIndex(), completions=path)
    await report(first, completion("a"))
    await first.stop()
    second = await serve(RealIndex(), completions=path)
    assert (await report(second, completion("a"))).duplicates == 1
    await report(second, completion("b"))
    await learnt(second, 1)
    assert "a" not in names(await predict(second))


async def test_an_encoder_that_fails_fails_neither_reports_nor_predictions(serve, capsys):
    running = await serve(RealIndex())
    running.index.fails_on = NEW
    assert (await report(running, completion("a"), completion("b"))).stored == 2
    await until(lambda: running.service.learner.left_out == 2)
    assert (await predict(running, "another prompt")).nearness > 0
    running.index.fails_on = ""
    await report(running, completion("c"))
    await soon(lambda: predict(running), lambda r: "c" in names(r))
    printed = capsys.readouterr().out
    assert printed.count("left to the next build") == 1
    assert NEW not in printed, "no prompt in the log"


async def test_one_prompt_that_cannot_be_encoded_is_left_out_alone(serve):
    running = await serve(RealIndex())
    running.index.fails_on = "poisoned"
    bad = completion("bad", prompt="a poisoned prompt")
    await report(running, completion("a"), bad, completion("b"))
    await learnt(running, 2)
    assert running.service.learner.left_out == 1
    assert names(await predict(running))[:2] == ["a", "b"]


async def test_reports_beyond_what_may_wait_are_stored_but_not_learnt(serve, monkeypatch, capsys):
    monkeypatch.setattr("predictor_service.serving_index.live_rows.MAX_WAITING_ROWS", 5)
    running = await serve(RealIndex())
    running.index.gate.clear()
    for first in range(0, 40, 4):
        batch = [completion(f"r{i}") for i in range(first, first + 4)]
        assert (await report(running, *batch)).stored == 4
    running.index.gate.set()
    learner = running.service.learner
    await until(lambda: learner.learnt + learner.left_out == 40)
    assert 5 <= learner.learnt <= 14
    assert capsys.readouterr().out.count("faster than they can be learnt") == 1


async def test_reports_that_come_while_the_index_is_loaded_are_learnt_then(serve):
    running = await serve(RealIndex(), load=False)
    await report(running, completion("early"))
    assert running.service.learner.learnt == 0
    await running.service.load()
    await soon(lambda: predict(running), lambda r: "early" in names(r))


@pytest.mark.parametrize("encoder_hash", ["b0w" * 8, "another encoder"])
async def test_a_swap_keeps_what_was_learnt(serve, encoder_hash):
    newer = RealIndex("v2", content_hash=encoder_hash, dimension=32)
    if encoder_hash == "b0w" * 8:
        newer = RealIndex("v2")
    running = await serve(RealIndex())
    await report(running, *[completion(f"r{i}", prompt=f"{NEW} {i}") for i in range(100)])
    await learnt(running, 100)
    newer_alone = len(newer.prompts)
    await running.service.holder.swap(newer)
    answer = await soon(
        lambda: predict(running, f"{NEW} 99"), lambda r: (names(r) or [""])[0] == "r99"
    )
    assert answer.index_version == "v2"
    assert len(newer.recent) == 100
    await report(running, completion("later"))
    await soon(lambda: predict(running), lambda r: "later" in names(r))
    again = [p for p in newer.prompts[newer_alone:] if p == f"{NEW} 50"]
    assert len(again) == (0 if encoder_hash == "b0w" * 8 else 1), "encoded again where it must be"


async def test_what_the_new_index_was_built_with_is_not_carried_over(serve):
    running = await serve(RealIndex())
    await report(running, completion("in-both"), completion("since"))
    await learnt(running, 2)
    rebuilt = [*HISTORY, HistoryRecord(NEW, 700, "", "in-both")]
    await running.service.holder.swap(RealIndex("v2", rebuilt))
    answer = await soon(lambda: predict(running), lambda r: "since" in names(r))
    assert sorted(names(answer)[:2]) == ["in-both", "since"]
    assert names(answer).count("in-both") == 1


async def test_stopping_does_not_wait_for_what_is_left_to_learn(serve):
    running = await serve(RealIndex())
    running.index.gate.clear()
    await report(running, *[completion(f"r{i}") for i in range(200)])
    await asyncio.wait_for(running.stop(), 10)
    running.index.gate.set()
    assert running.service.learner.learnt <= 64


async def test_a_learner_without_an_index_waits_and_can_be_stopped():
    learner = LiveLearner(lambda: None, capacity_rows=10)
    learner.learn([HistoryRecord("p", 1, id="a")])
    await asyncio.wait_for(learner.stop(), 10)
    assert (learner.learnt, learner.left_out) == (0, 0)


def test_what_waits_is_bounded_in_rows_and_characters():
    waiting = WaitingRecords(capacity_rows=3, capacity_chars=10)
    records = [HistoryRecord("four", 1, id=str(i)) for i in range(4)]
    assert waiting.offer(records) == 2, "the third would be the ninth to twelfth character"
    assert [record.id for record in waiting.take(1)] == ["0"]
    assert waiting.offer(records[2:]) == 1
    assert [record.id for record in waiting.take(9)] == ["1", "2"]
    small = [HistoryRecord("p", 1)] * 4
    assert waiting.offer(small) == 1
    assert len(waiting) == 3


def test_a_generation_lasts_for_a_while_however_often_rows_are_added():
    now_s = 0.0
    generation = Generation(min_age_s=0.5, clock=lambda: now_s)
    first = generation.current()
    assert generation.current() == first, "nothing was added"
    generation.rows_added()
    second = generation.current()
    assert second != first, "a lone report counts at once"
    generation.rows_added()
    now_s = 0.4
    assert generation.current() == second
    now_s = 0.5
    third = generation.current()
    assert third not in {first, second}
    now_s = 9.0
    assert generation.current() == third, "what was added is in it"


def test_a_prompt_that_was_predicted_is_not_encoded_again_when_it_is_reported(
    monkeypatch, tmp_path
):
    encoder = BagOfWords()
    built = build_index(topic_history(60), tmp_path / "index", encoder)
    monkeypatch.setattr("lengthwise.index.index.load_encoder", lambda name, **_: encoder)
    index = ArtifactSource(built.path, threads=1, remembered_vectors=10).load()
    index.encode([NEW])
    encoded = encoder.encoded
    index.learn([HistoryRecord(NEW, 700, id="a")])
    assert encoder.encoded == encoded
    assert index.predict([Query(NEW)])[0].neighbours[0].id == "a"


def test_vectors_are_remembered_only_where_answers_are_and_reports_are_learnt(make_config):
    assert make_config().remembered_vectors == 16_384
    assert make_config(cache_capacity=100).remembered_vectors == 100
    assert make_config(cache_capacity=0).remembered_vectors == 0
    assert make_config(live_capacity=0).remembered_vectors == 0
