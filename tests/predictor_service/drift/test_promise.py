"""What an artifact's evaluation promises."""

import json

from predictor_service.drift.promise import Promise, Promises

EVALUATION = {
    "predictor": "trained",
    "rows": 4_000,
    "trained": {"rows": 4_000, "mae": 48.0, "coverage_90": 0.91},
    "constant": {"rows": 4_000, "mae": 90.0, "coverage_90": None},
    "by_model": {
        "large": {"rows": 3_970, "mae": 47.0, "coverage_90": 0.9, "kendall_tau_b": 0.6},
        "rare": {"rows": 30, "mae": 400.0, "coverage_90": 0.5, "kendall_tau_b": 0.1},
    },
}


def test_it_is_that_of_the_predictor_that_is_served_and_of_each_llm(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(EVALUATION))
    promises = Promises.from_file(path)
    assert promises.whole == Promise(4_000, 48.0, 0.91)
    assert promises.for_model("large") == Promise(3_970, 47.0, 0.9)
    assert promises.for_model("") == promises.whole


def test_of_an_llm_without_enough_history_only_the_coverage_is_promised(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(EVALUATION))
    for model in ("rare", "never seen"):
        assert Promises.from_file(path).for_model(model) == Promise(4_000, None, 0.91)


def test_no_or_another_kind_of_evaluation_promises_nothing(tmp_path):
    assert Promises.from_file(tmp_path / "evaluation.json") == Promises()
    for text in ("{}", "[]", "not JSON", '{"predictor": 3, "by_model": {"a": 1}}'):
        (tmp_path / "evaluation.json").write_text(text)
        assert Promises.from_file(tmp_path / "evaluation.json").for_model("llm").mae_tokens is None
