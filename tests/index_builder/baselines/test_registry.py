"""Names of predictors on the command line."""

import pytest

from index_builder.baselines.registry import GROUPS, PEERS, PeerSetting, peer_names
from lengthwise.index.errors import InvalidInputError


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("cheap", ("median", "lexical", "alise")),
        ("none", ()),
        ("alise,median", ("median", "alise")),
        ("cheap, ssjf-l1", ("median", "lexical", "alise", "ssjf-l1")),
        ("all", tuple(PEERS)),
    ],
)
def test_groups_and_names_give_peers_in_one_order(wanted, names):
    assert peer_names(wanted) == names


@pytest.mark.parametrize("wanted", ["oracle", "median,oracle", "", " , "])
def test_an_unknown_name_is_refused_with_those_that_exist(wanted):
    with pytest.raises(InvalidInputError) as caught:
        peer_names(wanted)
    assert str(caught.value) == (
        f"peers is {wanted!r}: expected cheap, all, none, or names with commas between out of "
        "median, lexical, alise, ssjf-l1, ssjf-mse, ssjf-5class, ssjf-ordinal"
    )


@pytest.mark.parametrize("name", PEERS)
def test_each_peer_is_called_what_it_is_asked_for_by(name):
    assert PEERS[name](PeerSetting("all-MiniLM-L6-v2")).name == name


def test_a_group_and_a_peer_never_share_a_name():
    assert not set(GROUPS) & set(PEERS)
