"""Shortest first for the LLM class."""

from types import SimpleNamespace

import pytest

from scheduler_client.client import LengthPredictorClient
from scheduler_client.vllm_plugin.offline import generate_shortest_first, predicted_priorities
from tests.wait_until import wait_until

PROMPTS = ["a middling prompt", "hi", "bad", "the longest prompt of them all"]
"""Predicted by their number of characters; "bad" is refused."""


class OfflineLLM:
    """Answers each prompt with as many tokens as it has characters."""

    def __init__(self, policy="priority") -> None:
        self.llm_engine = SimpleNamespace(
            vllm_config=SimpleNamespace(
                scheduler_config=SimpleNamespace(policy=policy),
                model_config=SimpleNamespace(served_model_name="llm"),
            )
        )
        self.priorities: list[int] = []

    def generate(self, prompts, sampling_params, *, priority, use_tqdm=True):
        self.priorities = priority

        def answer(prompt):
            return SimpleNamespace(index=0, token_ids=[0] * len(prompt), finish_reason="stop")

        return [SimpleNamespace(outputs=[answer(prompt)]) for prompt in prompts]


def by_priority(priorities):
    return [PROMPTS[i] for i in sorted(range(len(PROMPTS)), key=priorities.__getitem__)]


def test_prompts_go_shortest_first_and_one_without_a_prediction_in_the_middle(predictor):
    with LengthPredictorClient(predictor.target) as client:
        priorities = predicted_priorities(client, PROMPTS)
    assert all(isinstance(priority, int) for priority in priorities)
    order = by_priority(priorities)
    assert order[0] == "hi"
    assert order[-1] == "the longest prompt of them all"


def test_outputs_come_in_the_prompts_order_and_are_reported(predictor, monkeypatch):
    monkeypatch.setattr("scheduler_client.vllm_plugin.offline.is_on", lambda: False)
    llm = OfflineLLM()
    outputs = generate_shortest_first(llm, PROMPTS, target=predictor.target, use_tqdm=False)
    assert [len(output.outputs[0].token_ids) for output in outputs] == list(map(len, PROMPTS))
    assert by_priority(llm.priorities)[0] == "hi"
    wait_until(lambda: any(r["prompt"] == PROMPTS[0] for r in predictor.reported()), "the report")


def test_the_predictor_is_shown_and_asked_what_the_variables_and_parameters_say(
    monkeypatch, tmp_path
):
    class Client(LengthPredictorClient):
        def __init__(self, target, **options):
            made.append((target, options["access"].token, options["use_proxy"]))
            super().__init__(target, **options)

        def predict_many(self, queries, **_):
            asked.extend(queries)
            return []

    made, asked = [], []
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    monkeypatch.setenv("LENGTHWISE_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("LENGTHWISE_USE_PROXY", "true")
    monkeypatch.setenv("LENGTHWISE_MODEL", "mine")
    monkeypatch.setattr("scheduler_client.vllm_plugin.offline.LengthPredictorClient", Client)
    parameters = SimpleNamespace(max_tokens=30, temperature=0.5)
    generate_shortest_first(OfflineLLM(), ["hi"], parameters, report=False)
    assert made == [("127.0.0.1:1", str(tmp_path / "token"), True)]
    (query,) = asked
    assert (query.model, query.max_tokens, query.temperature) == ("mine", 30, 0.5)
    assert query.neighbour_count == 0


def test_without_a_predictor_prompts_run_as_they_came():
    llm = OfflineLLM()
    outputs = generate_shortest_first(llm, PROMPTS, target="127.0.0.1:1")
    assert len(outputs) == len(PROMPTS)
    assert len(set(llm.priorities)) == 1


def test_an_engine_that_ignores_priorities_is_refused():
    with pytest.raises(ValueError, match='scheduling_policy="priority"'):
        generate_shortest_first(OfflineLLM("fcfs"), PROMPTS, target="127.0.0.1:1")


def test_without_a_target_it_says_what_to_set(monkeypatch):
    monkeypatch.delenv("LENGTHWISE_TARGET", raising=False)
    with pytest.raises(ValueError, match="LENGTHWISE_TARGET"):
        generate_shortest_first(OfflineLLM(), PROMPTS)
