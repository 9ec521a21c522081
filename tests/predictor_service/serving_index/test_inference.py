"""A micro-batch goes through the tiers of an index, and each answer back to its place."""

from dataclasses import replace

import pytest

from lengthwise.index.estimate.estimate import Query
from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.rpc.wire import serialize_estimate
from predictor_service.serving_index.inference import infer
from scheduler_client.wire import decode_prediction
from tests.predictor_service.fakes import FakeIndex


class ShortFirst(FakeIndex):
    """Its first tier answers prompts of under five characters."""

    def answered_first(self, queries):
        return [
            replace(self._estimate(1.0, query), tier="first") if len(query.prompt) < 5 else None
            for query in queries
        ]


def test_what_the_first_tier_answers_is_not_encoded():
    index = ShortFirst()
    prompts = ["short", "s", "longer", "t", "short"]
    found = infer(index, [Query(prompt) for prompt in prompts])
    assert [e.tier for e in found.estimates] == ["second", "first", "second", "first", "second"]
    assert [e.expected_tokens for e in found.estimates] == [50, 10, 60, 10, 50]
    assert index.encoded == [["short", "longer"]]
    assert found.facts.size == 5


def test_nothing_is_searched_where_the_first_tier_answers_all():
    index = ShortFirst()
    assert {e.tier for e in infer(index, [Query("a"), Query("b")]).estimates} == {"first"}
    assert index.searched == []


@pytest.mark.parametrize("tier", ["first", "second"])
def test_a_caller_is_told_which_tier_answered(tier):
    (estimate,) = infer(FakeIndex(), [Query("a prompt")]).estimates
    body = serialize_estimate(replace(estimate, tier=tier), "v1")
    assert decode_prediction(pb.PredictResponse.FromString(body)).tier == tier


def test_a_service_of_before_there_were_tiers_had_the_second_alone():
    message = pb.PredictResponse(distribution=pb.LengthDistribution(levels=[0.5], tokens=[10]))
    assert decode_prediction(message).tier == "second"
