"""What the service's messages mean to the client."""

import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client.wire import decode_prediction


@pytest.mark.parametrize(
    ("basis", "meant"),
    [
        (pb.BASIS_NEIGHBOURS, "neighbours"),
        (pb.BASIS_HEAD, "head"),
        (pb.BASIS_PRIOR, "prior"),
        (99, "prior"),
    ],
)
def test_what_a_prediction_rests_on_is_named_and_the_unheard_of_is_the_prior(basis, meant):
    message = pb.PredictResponse(
        basis=basis, distribution=pb.LengthDistribution(levels=[0.5], tokens=[10])
    )
    assert decode_prediction(message).basis == meant
