"""A container's limit on memory, as the kernel's files of either version say it."""

import pytest

from scheduler_client.vllm_plugin.swap.cgroup_memory import CgroupMemory, read_cgroup_memory

V2 = ("memory.max", "memory.current", "memory.stat")
V1 = (
    "memory/memory.limit_in_bytes",
    "memory/memory.usage_in_bytes",
    "memory/memory.stat",
)


@pytest.fixture
def write(tmp_path):
    """Writes a control group's files."""

    def written(names, *texts):
        for name, text in zip(names, texts, strict=False):
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else f"{text}\n".encode())
        return tmp_path

    return written


@pytest.mark.parametrize("names", [V2, V1], ids=["v2", "v1"])
def test_what_is_spare_is_the_limit_less_what_is_used(write, names):
    assert read_cgroup_memory(write(names, 1_000, 300)) == CgroupMemory(1_000, 700)
    assert read_cgroup_memory(write(names, 1_000, 1_300)) == CgroupMemory(1_000, 0)


@pytest.mark.parametrize(
    ("names", "line"), [(V2, "inactive_file 200"), (V1, "total_inactive_file 200")]
)
def test_files_that_the_kernel_lets_go_are_spare(write, names, line):
    root = write(names, 1_000, 300, f"anon 5\n{line}\nfile 7")
    assert read_cgroup_memory(root) == CgroupMemory(1_000, 900)


@pytest.mark.parametrize("limit", ["max", 2**63 - 4096, "", b"\xff\xfe"])
@pytest.mark.parametrize("names", [V2, V1], ids=["v2", "v1"])
def test_what_is_no_limit_or_cannot_be_read_is_none(write, names, limit):
    assert read_cgroup_memory(write(names, limit, 300)) is None


def test_without_files_there_is_no_limit(tmp_path):
    assert read_cgroup_memory(tmp_path) is None
    (tmp_path / "memory.max").mkdir()
    assert read_cgroup_memory(tmp_path) is None


def test_statistics_that_cannot_be_read_do_not_count(write):
    assert read_cgroup_memory(write(V2, 1_000, 300, "nonsense")) == CgroupMemory(1_000, 700)
