"""The autoscaler's own metrics, scraped."""

from urllib.request import ProxyHandler, build_opener

import pytest

from autoscaler.core.decide import decide
from autoscaler.edges.prometheus import AutoscalerMetrics, MetricsServer
from autoscaler.errors import InvalidConfigError
from tests.autoscaler.states import NOW_S, fleet, options


async def scraped(metrics: AutoscalerMetrics) -> str:
    server = MetricsServer(metrics, "127.0.0.1:0")
    await server.start()
    try:
        opener = build_opener(ProxyHandler({}))
        return opener.open(f"http://127.0.0.1:{server.port}/metrics", timeout=10).read().decode()
    finally:
        await server.stop()


async def test_before_the_first_decision_no_pool_has_a_number():
    assert "wanted_instances{" not in await scraped(AutoscalerMetrics())


async def test_a_decision_is_shown_by_pool_with_what_it_rests_on():
    metrics = AutoscalerMetrics()
    metrics.decided(decide(fleet(2, 1, busy=1), NOW_S, options()))
    metrics.reported(3)
    metrics.watch("open_requests", "Of a test.", lambda: 7)
    page = await scraped(metrics)
    for line in (
        'lengthwise_autoscaler_current_instances{pool="interactive"} 2.0',
        'lengthwise_autoscaler_wanted_instances{pool="batch"} 0.0',
        'lengthwise_autoscaler_knowledge{source="predictions"} 1.0',
        'lengthwise_autoscaler_knowledge{source="requests"} 0.0',
        "lengthwise_autoscaler_held 0.0",
        "lengthwise_autoscaler_decisions_total 1.0",
        "lengthwise_autoscaler_report_faults_total 3.0",
        "lengthwise_autoscaler_open_requests 7.0",
    ):
        assert line in page


async def test_an_address_in_use_is_refused_by_name():
    first = MetricsServer(AutoscalerMetrics(), "127.0.0.1:0")
    await first.start()
    try:
        with pytest.raises(InvalidConfigError, match=r"metrics\.listen is 127\.0\.0\.1:\d+"):
            await MetricsServer(AutoscalerMetrics(), f"127.0.0.1:{first.port}").start()
    finally:
        await first.stop()
