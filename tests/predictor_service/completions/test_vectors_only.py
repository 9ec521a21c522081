"""Privacy: with --completions-keep vectors no text of a prompt reaches the disk."""

from pathlib import Path

import grpc
import numpy as np
import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from tests.lengthwise.history.database.helpers import ids, rows
from tests.predictor_service.completions.test_database import completion, report
from tests.predictor_service.fakes import POISON, FakeIndex
from tests.predictor_service.waiting import until

SECRET = "a very secret prompt"


async def test_vectors_and_lengths_are_stored_and_no_text(serve, place):
    running = await serve(completions=place, completions_keep="vectors")
    assert await report(running, completion("a", prompt=SECRET), completion("b")) == (2, 0)
    first, second = rows(place)
    assert (first.prompt, first.prompt_chars, first.output_tokens) == (None, len(SECRET), 7)
    assert first.encoder_hash == FakeIndex().info().encoder_hash
    assert np.array_equal(first.vector, [len(SECRET)])
    assert np.array_equal(second.vector, [2])


async def test_the_text_is_in_no_file_and_not_in_the_log(serve, sqlite_place, capsys):
    running = await serve(completions=sqlite_place, completions_keep="vectors")
    await report(running, completion("a", prompt=SECRET))
    await running.stop()
    assert ids(sqlite_place) == ["a"]
    assert not any(b"secret" in path.read_bytes() for path in Path(sqlite_place).parent.iterdir())
    assert "secret" not in "".join(capsys.readouterr())


async def test_many_completions_are_encoded_a_few_at_a_time(serve, sqlite_place):
    running = await serve(completions=sqlite_place, completions_keep="vectors", live_capacity=0)
    many = [completion(f"r{i}", prompt="x" * (i + 1)) for i in range(150)]
    assert await report(running, *many) == (150, 0)
    assert [len(batch) for batch in running.index.encoded] == [64, 64, 22]
    assert [int(row.vector[0]) for row in rows(sqlite_place)] == list(range(1, 151))


async def test_without_an_encoder_a_report_is_told_to_come_again(serve, sqlite_place):
    running = await serve(completions=sqlite_place, completions_keep="vectors", load=False)
    with pytest.raises(grpc.aio.AioRpcError, match="still being loaded") as caught:
        await report(running, completion("a"))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    await running.service.load()
    assert await report(running, completion("a")) == (1, 0)


async def test_a_prompt_that_cannot_be_encoded_fails_its_report_alone(serve, sqlite_place, capsys):
    running = await serve(completions=sqlite_place, completions_keep="vectors", live_capacity=0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await report(running, completion("good"), completion("bad", prompt=POISON))
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert await report(running, completion("other")) == (1, 0)
    assert ids(sqlite_place) == ["other"]
    assert POISON not in capsys.readouterr().out, "no prompt in the log"


async def test_predictions_learn_from_what_is_stored_as_vectors_too(serve, sqlite_place):
    running = await serve(completions=sqlite_place, completions_keep="vectors")
    await report(running, completion("a"), completion("b"))
    await until(lambda: running.service.learner.learnt == 2)
    answer = await running.stub.Predict(pb.PredictRequest(prompt="hello"))
    assert answer.index_version == "v1"


def test_vectors_are_remembered_for_reports_even_where_nothing_is_learnt(make_config):
    config = make_config(completions="h.db", completions_keep="vectors", live_capacity=0)
    assert config.remembered_vectors == 16_384
