"""IndexAdmin over real sockets, asked by the real client."""

from contextlib import asynccontextmanager

import grpc
import pytest

from lengthwise.index.errors import ArtifactAlteredError
from predictor_service.service import Service
from scheduler_client import AccessDeniedError, InvalidRequestError, ServerUnavailableError
from scheduler_client.aio import AsyncLengthPredictorClient
from tests.predictor_service.places import FakePlace


@pytest.fixture
def administer(make_config, tmp_path):
    """A service at a Unix domain socket, where no token is needed, and a client of it."""

    @asynccontextmanager
    async def start(place, *, load=True, **options):
        host = f"unix:{tmp_path / 'socket'}"
        service = Service(
            make_config(**{"host": host, "threads": 1, "index_poll_s": 0, **options}), place
        )
        await service.listen()
        client = AsyncLengthPredictorClient(host, timeout_s=20, max_attempts=1)
        try:
            if load:
                await service.load()
            yield service, client
        finally:
            await client.close()
            await service.stop()

    return start


async def test_told_a_version_it_answers_by_it_from_then_on(administer):
    async with administer(FakePlace("v1", "v2")) as (_, client):
        switch = await client.switch_index("v2")
        assert (switch.version, switch.before, switch.place_told) == ("v2", "v1", True)
        assert (await client.predict("hello")).index_version == "v2"


async def test_rolled_back_it_answers_by_the_version_before(administer):
    async with administer(FakePlace("v1", "v2")) as (_, client):
        await client.switch_index()
        assert (await client.info()).previous_version == "v1"
        switch = await client.roll_back()
        assert (switch.version, switch.before) == ("v1", "v2")
        assert (await client.predict("hello")).index_version == "v1"


async def test_info_tells_how_often_it_switched_and_what_was_refused(administer):
    broken = ArtifactAlteredError("half an artifact")
    async with administer(FakePlace("v1", "v2", v3=broken)) as (_, client):
        await client.switch_index("v2")
        with pytest.raises(InvalidRequestError, match=r"half an artifact; 'v2' serves on"):
            await client.switch_index("v3")
        info = await client.info()
        assert (info.index_version, info.swaps, info.refused_swaps) == ("v2", 1, 1)
        assert info.switched_unix_s > info.created_unix_s


async def test_a_version_that_is_not_there_is_not_found(administer):
    async with administer(FakePlace("v1", "v2")) as (_, client):
        with pytest.raises(InvalidRequestError, match="expected one of v1, v2"):
            await client.switch_index("v7")
        with pytest.raises(InvalidRequestError, match="version has 2,000 characters"):
            await client.switch_index("v" * 2_000)


async def test_while_it_starts_nobody_switches(administer):
    async with administer(FakePlace("v1", "v2"), load=False) as (_, client):
        with pytest.raises(ServerUnavailableError, match="still being loaded"):
            await client.switch_index("v2")


async def test_a_caller_who_hangs_up_does_not_stop_a_switch_half_way(administer):
    place = FakePlace("v1", "v2")
    place.indexes["v2"].gate.clear()
    async with administer(place) as (service, client):
        with pytest.raises(TimeoutError):
            await client.switch_index("v2", timeout_s=0.2)
        place.indexes["v2"].gate.set()
        assert (await client.switch_index("v2")).version == "v2"
        assert service.holder.swaps == 1


async def test_over_the_network_it_takes_an_admin_token(make_config):
    service = Service(make_config(threads=1, index_poll_s=0), FakePlace("v1", "v2"))
    port = await service.listen()
    await service.load()
    try:
        async with AsyncLengthPredictorClient(f"127.0.0.1:{port}") as client:
            with pytest.raises(AccessDeniedError, match="admin-token"):
                await client.switch_index("v2")
            with pytest.raises(AccessDeniedError, match="admin-token"):
                await client.roll_back()
        assert service.holder.version == "v1"
    finally:
        await service.stop()


async def test_a_malformed_request_is_the_callers_fault(administer, tmp_path):
    target = f"unix:{tmp_path / 'socket'}"
    async with (
        administer(FakePlace("v1", "v2")),
        grpc.aio.insecure_channel(target) as channel,
    ):
        raw = channel.unary_unary("/lengthwise.v1.IndexAdmin/SwitchIndex")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(b"\x0a\x02\xff\xff")
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
