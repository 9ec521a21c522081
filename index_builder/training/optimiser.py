"""The optimiser and its learning rates."""

from collections.abc import Iterable

import torch
from torch import nn

WEIGHT_DECAY = 0.01
WARM_UP_SHARE = 0.1
UNDECAYED = ("bias", "LayerNorm.weight")


class Optimiser:
    """AdamW whose rates rise for the first tenth of the steps and then fall to 0 in a line.

    Args:
        encoder: Its parameters that require gradients are trained at `encoder_lr`.
        head: Trained at `head_lr`.
        encoder_lr: Peak learning rate.
        head_lr: Peak learning rate.
        steps: Steps there will be.
    """

    def __init__(
        self, encoder: nn.Module, head: nn.Module, *, encoder_lr: float, head_lr: float, steps: int
    ) -> None:
        decayed, plain = _split(encoder)
        groups = [
            {"params": decayed, "lr": encoder_lr, "weight_decay": WEIGHT_DECAY},
            {"params": plain, "lr": encoder_lr, "weight_decay": 0.0},
            {"params": list(head.parameters()), "lr": head_lr, "weight_decay": WEIGHT_DECAY},
        ]
        self._adam = torch.optim.AdamW(groups, fused=True)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._adam, lambda step: rate_factor(step, steps)
        )
        self._parameters = [p for group in self._adam.param_groups for p in group["params"]]

    def step(self, loss: torch.Tensor) -> None:
        """Follow the gradient of a loss."""
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._adam.step()
        self._schedule.step()

    def state_dict(self) -> dict[str, object]:
        """Everything needed to go on from here."""
        return {"adam": self._adam.state_dict(), "schedule": self._schedule.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        """Go on from there."""
        self._adam.load_state_dict(state["adam"])
        self._schedule.load_state_dict(state["schedule"])


def rate_factor(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step, in [0, 1]."""
    warm_up = max(1, int(WARM_UP_SHARE * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return max(0.0, (steps - step) / max(1, steps - warm_up))


def _split(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters that weight decay pulls towards 0, and those it leaves alone."""
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    return _chosen(named, decayed=True), _chosen(named, decayed=False)


def _chosen(named: Iterable[tuple[str, nn.Parameter]], *, decayed: bool) -> list[nn.Parameter]:
    return [p for name, p in named if any(part in name for part in UNDECAYED) != decayed]
