"""A build fits the first tier that a training left, on rows that were not trained on."""

import pytest

from index_builder.build.builder import BuildOptions, TrainedEncoder, build_index
from index_builder.evaluation.evaluation import evaluate_index
from lengthwise.history.split import is_validation
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.store.layout import ENCODER_FOLDER, FIRST_TIER_FOLDER
from lengthwise.index.store.manifest import TrainingFacts
from tests.lengthwise.index.fakes import TOPICS, topic_history
from tests.lengthwise.index.topic_student import save_student, topic_student

HISTORY = topic_history(1_200)
UNSURE = (0, 7)
TRAINING = TrainingFacts(
    base="base",
    rows=600,
    validation_rows=600,
    first_rows=0,
    epochs=1,
    best_epoch=1,
    validation_kendall_tau_b=(0.9,),
    validation_share=0.5,
    seed=0,
)


@pytest.fixture
def build(tmp_path):
    """Builds with a first tier beside a trained encoder that knows all topics."""

    def built(*, unsure=UNSURE, wrong=(), **options):
        folder = tmp_path / "trained"
        save_student(topic_student(), folder)
        save_student(topic_student(unsure=unsure, wrong=wrong), folder / FIRST_TIER_FOLDER)
        encoder = load_encoder(str(folder / ENCODER_FOLDER), device="cpu")
        trained = TrainedEncoder(folder, TRAINING)
        options = BuildOptions(**{"cascade_loss": 0.01} | options)
        result = build_index(HISTORY, tmp_path / "store", encoder, options, trained=trained)
        return result, LengthIndex.load(result.path, encoder=encoder, device="cpu")

    return built


def test_it_is_chosen_by_the_rows_that_were_not_trained_on(build):
    result, index = build()
    apart = [r for r in HISTORY if is_validation(r, 0.5, 0)]
    facts = result.manifest.first_tier
    assert facts is not None
    assert facts.held_out_rows == len(apart)
    sure = [r for r in apart if int(r.id.removeprefix("llm-")) % TOPICS not in UNSURE]
    assert facts.share == pytest.approx(len(sure) / len(apart), abs=0.05)
    assert facts.allowed_loss == 0.01
    assert result.no_first_tier == ""
    new = [Query(r.prompt, "llm", 0) for r in topic_history(400, seed=3)]
    answered = [estimate.tier == "first" for estimate in index.predict(new)]
    assert sum(answered) / len(new) == pytest.approx(facts.share, abs=0.05)


def test_prompts_of_the_history_are_the_second_tiers_also_where_no_text_is_kept(build):
    _, index = build(keep_text=False)
    asked = [Query(record.prompt, "llm", 0) for record in HISTORY[:64]]
    assert {estimate.tier for estimate in index.predict(asked)} == {"second"}


def test_a_first_tier_that_loses_too_much_is_left_out_and_why_is_said(build):
    result, index = build(unsure=(), wrong=range(TOPICS))
    assert result.manifest.first_tier is None
    assert "none that answers 10% of the prompts keeps the loss" in result.no_first_tier
    assert index.first_tier is None
    assert not (result.path / FIRST_TIER_FOLDER).exists()


def test_without_an_allowed_loss_there_is_none(build):
    result, _ = build(cascade_loss=None)
    assert (result.manifest.first_tier, result.no_first_tier) == (None, "")
    assert not (result.path / FIRST_TIER_FOLDER).exists()


def test_an_impossible_loss_is_refused():
    with pytest.raises(InvalidInputError, match=r"cascade_loss is -0\.1: expected a difference"):
        BuildOptions(cascade_loss=-0.1)


def test_the_evaluation_tells_the_tiers_apart(build):
    result, index = build()
    stored = result.evaluation
    asked = evaluate_index(index, topic_history(800, seed=5), protocol="new prompts")
    for evaluation in (stored, asked):
        assert evaluation is not None
        assert set(evaluation.by_tier) == {"first", "second"}
        assert sum(tier.share for tier in evaluation.by_tier.values()) == pytest.approx(1)
        assert evaluation.by_tier["first"].share == pytest.approx(6 / 8, abs=0.06)
        assert evaluation.by_tier["first"].mae < evaluation.metrics["constant_median"].mae
        assert type(evaluation).from_dict(evaluation.to_dict()).by_tier == evaluation.by_tier
    without = evaluate_index(
        LengthIndex.load(result.path, encoder=index.encoder, device="cpu", cascade=False),
        topic_history(80, seed=5),
        protocol="new prompts",
    )
    assert without.by_tier == {}
    assert "by_tier" not in without.to_dict()
