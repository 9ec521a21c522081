"""The predictors that an evaluation can print beside the served one, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from index_builder.baselines.baseline import Peer
from index_builder.baselines.median import MedianPeer
from lengthwise.index.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class PeerSetting:
    """What a peer may be made with.

    Args:
        encoder: Name or folder of the sentence-transformers model that SSJF's proxy starts from.
        seed: Of whatever is random.
    """

    encoder: str
    seed: int = 0


def _lexical(setting: PeerSetting) -> Peer:
    from index_builder.baselines.lexical import LexicalPeer  # noqa: PLC0415  imports scikit-learn

    return LexicalPeer(seed=setting.seed)


def _alise(setting: PeerSetting) -> Peer:
    from index_builder.baselines.alise import AlisePeer  # noqa: PLC0415  imports scikit-learn

    return AlisePeer(seed=setting.seed)


def _ssjf(objective: str) -> Callable[[PeerSetting], Peer]:
    def make(setting: PeerSetting) -> Peer:
        from index_builder.baselines.ssjf import SsjfPeer  # noqa: PLC0415  imports torch

        return SsjfPeer(objective, encoder=setting.encoder, seed=setting.seed)

    return make


PEERS: Mapping[str, Callable[[PeerSetting], Peer]] = {
    "median": lambda _: MedianPeer(),
    "lexical": _lexical,
    "alise": _alise,
    "ssjf-l1": _ssjf("l1"),
    "ssjf-mse": _ssjf("mse"),
    "ssjf-5class": _ssjf("5class"),
    "ssjf-ordinal": _ssjf("ordinal"),
}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "cheap": ("median", "lexical", "alise"),
    "all": tuple(PEERS),
    "none": (),
}
"""Cheap ones are fitted in seconds; the others train an encoder, for minutes each."""


def peer_names(wanted: str) -> tuple[str, ...]:
    """Names of peers, in the order of the registry.

    Args:
        wanted: A group, or names with commas between; groups may stand among them.

    Raises:
        InvalidInputError: There is no such peer.
    """
    parts = [part.strip() for part in wanted.split(",") if part.strip()]
    chosen = {name for part in parts for name in GROUPS.get(part, (part,))}
    unknown = sorted(chosen - set(PEERS))
    if unknown or not parts:
        raise InvalidInputError(
            f"peers is {wanted!r}: expected {', '.join(GROUPS)}, or names with commas between out "
            f"of {', '.join(PEERS)}"
        )
    return tuple(name for name in PEERS if name in chosen)
