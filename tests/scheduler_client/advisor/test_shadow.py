"""In shadow all is done but what would change the order."""

from scheduler_client.advisor import Advisor, AdvisorSettings
from tests.scheduler_client.advisor.helpers import ScriptedPort, ending, question, settings, until


async def test_the_key_is_the_arrival_while_predictions_are_asked_for_judged_and_reported():
    port = ScriptedPort()
    advisor = Advisor(settings(shadow=True, deadline_s=10.0), connect=lambda _: port)
    asked = [question("long", "x" * 500, arrival_s=10.0), question("short", "x", arrival_s=11.0)]
    advice = [await advisor.advise(one) for one in asked]
    assert [one.key for one in advice] == [10_000_000, 11_000_000]
    assert [one.predicted_tokens for one in advice] == [500, 1]
    for one in asked:
        advisor.finished(ending(one.request_id, 20))
    await until(lambda: len(port.reported) == 2)
    assert advisor.counters.predictions == advisor.counters.error_count == 2
    await advisor.close()


def test_it_is_switched_on_by_its_variable_and_a_bad_rule_is_refused_all_the_same():
    read = AdvisorSettings.from_environment
    chosen = read({"LENGTHWISE_TARGET": "127.0.0.1:1", "LENGTHWISE_SHADOW": "1"})
    assert chosen is not None
    assert (chosen.shadow, chosen.make_rule().name) == (True, "off")
