"""A service with metrics, in this process."""

import asyncio
import urllib.request

import pytest

from tests.predictor_service.conftest import clean_environment, make_config, serve

__all__ = ["clean_environment", "make_config", "serve"]


@pytest.fixture
async def scraped_service(serve) -> str:
    """Its page of metrics, once something was asked of it."""
    running = await serve(metrics_port=0)
    url = f"http://127.0.0.1:{running.service.metrics.port}/metrics"

    def scrape() -> str:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read().decode()

    return await asyncio.to_thread(scrape)
