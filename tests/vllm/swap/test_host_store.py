"""How much of the host's memory the slab may take."""

from types import SimpleNamespace

import pytest

from scheduler_client.vllm_plugin.swap import host_store
from scheduler_client.vllm_plugin.swap.cgroup_memory import CgroupMemory
from scheduler_client.vllm_plugin.swap.host_store import HostMemoryRefusedError, HostStore

MIB = 1 << 20


@pytest.fixture
def has(monkeypatch):
    """Sets what the host and the container have, all of it spare."""

    def given(host_bytes, container_bytes=None):
        memory = SimpleNamespace(available=host_bytes, total=host_bytes)
        container = container_bytes and CgroupMemory(container_bytes, container_bytes)
        monkeypatch.setattr(host_store.psutil, "virtual_memory", lambda: memory)
        monkeypatch.setattr(host_store, "read_cgroup_memory", lambda: container)

    return given


def test_more_than_the_container_may_have_is_refused_though_the_host_has_it(has):
    has(host_bytes=100 * MIB)
    HostStore(20, MIB, pinned=False)
    has(host_bytes=100 * MIB, container_bytes=20 * MIB)
    with pytest.raises(HostMemoryRefusedError, match=f"{19 * MIB:,} can be spared"):
        HostStore(20, MIB, pinned=False)
    HostStore(19, MIB, pinned=False)


def test_a_host_that_has_less_than_the_container_may_have_is_what_counts(has):
    has(host_bytes=20 * MIB, container_bytes=100 * MIB)
    with pytest.raises(HostMemoryRefusedError, match=f"{19 * MIB:,} can be spared"):
        HostStore(20, MIB, pinned=False)


def test_pinned_memory_counts_as_the_power_of_two_that_torch_locks(has):
    has(host_bytes=30 * MIB)
    with pytest.raises(HostMemoryRefusedError, match=rf"{17 * MIB:,} .* locks {32 * MIB:,} "):
        HostStore(17, MIB, pinned=True)
    HostStore(17, MIB, pinned=False)


@pytest.mark.parametrize(("wanted", "locked"), [(1, 1), (2, 2), (3, 4), (1 << 34, 1 << 34)])
def test_a_power_of_two_is_locked_as_it_is(wanted, locked):
    assert host_store.locked_bytes(wanted) == locked
