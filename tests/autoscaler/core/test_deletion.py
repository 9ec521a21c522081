"""Which pods are marked to stop first."""

from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.deletion import PodWork, deletion_costs


def pods(**left) -> list[PodWork]:
    return [PodWork(name, tokens) for name, tokens in left.items()]


def applied(before: list[PodWork], changes: dict[str, int]) -> list[PodWork]:
    return [PodWork(p.name, p.left_tokens, changes.get(p.name, p.cost)) for p in before]


def test_those_with_the_least_work_go_and_the_least_of_all_goes_first():
    assert deletion_costs(pods(a=900.0, b=20.0, c=300.0, d=5_000.0), 2) == {"b": -2, "c": -1}


def test_while_nobody_is_to_go_nothing_is_written():
    assert deletion_costs(pods(a=900.0, b=20.0), 0) == {}
    assert deletion_costs(pods(a=900.0), -3) == {}


def test_a_pod_that_nobody_knows_anything_of_goes_last():
    assert deletion_costs(pods(a=None, b=1e9), 1) == {"b": -1}
    assert deletion_costs(pods(a=None, b=None), 1) == {"a": -1}


def test_what_is_marked_already_is_not_written_again():
    before = pods(a=900.0, b=20.0, c=300.0)
    assert deletion_costs(applied(before, deletion_costs(before, 2)), 2) == {}


def test_a_pod_that_was_to_go_and_is_no_longer_loses_its_mark():
    before = applied(pods(a=900.0, b=20.0), {"b": -1})
    assert deletion_costs(before, 0) == {"b": 0}
    assert deletion_costs(applied(pods(a=5.0, b=20.0), {"b": -1}), 1) == {"a": -1, "b": 0}


def test_a_cost_that_somebody_else_set_stays_and_its_pod_does_not_go_first():
    kept = [PodWork("a", 1.0, 100), PodWork("b", 50.0)]
    assert deletion_costs(kept, 1) == {"b": -1}
    assert deletion_costs(kept, 0) == {}


works = st.lists(
    st.builds(
        PodWork,
        st.text("abcdef", min_size=1, max_size=3),
        st.none() | st.floats(0, 1e9),
        st.integers(-5, 0),
    ),
    unique_by=lambda pod: pod.name,
    max_size=12,
)


@given(works, st.integers(0, 15))
def test_after_the_writes_the_pods_of_lowest_cost_are_those_with_the_least_work(drawn, surplus):
    after = applied(drawn, deletion_costs(drawn, surplus))
    leaving = [pod for pod in after if pod.cost < 0]
    assert len(leaving) == min(surplus, len(after))
    by_cost = sorted(leaving, key=lambda pod: pod.cost)
    order = sorted(after, key=lambda p: (p.left_tokens is None, p.left_tokens or 0.0, p.name))
    assert by_cost == order[: len(leaving)]
