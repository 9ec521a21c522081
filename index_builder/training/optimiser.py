"""The optimiser, its learning rates, and the moving average of the weights."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

WEIGHT_DECAY = 0.01
"""Of AdamW (Loshchilov and Hutter 2019), as BERT was trained with."""

WARM_UP_SHARE = 0.1
"""Share of the steps in which the rates rise."""

UNDECAYED = ("bias", "LayerNorm.weight")
"""Parts of the names of parameters that weight decay leaves alone, as BERT's training did."""

MAX_GRADIENT_NORM = 1.0
"""A gradient that is longer is shortened to this, as BERT's training did."""

AVERAGE_WARM_UP_STEPS = 10
"""Steps after which the average leans as much on the past as on the newest weights."""


class Optimiser:
    """AdamW whose rates rise for the first tenth of the steps and then fall to 0 in a line.

    Args:
        encoder: Its parameters that require gradients are trained at `encoder_lr`.
        head: All of its parameters are trained at `head_lr`.
        encoder_lr: Peak learning rate of the encoder, reached after the warm-up.
        head_lr: Peak learning rate of the head, reached after the warm-up.
        steps: Steps that there will be in all.
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
        nn.utils.clip_grad_norm_(self._parameters, MAX_GRADIENT_NORM)
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


class AveragedWeights:
    """A moving average of trainable parameters: what the last steps agree on, without their noise.

    (Polyak and Juditsky 1992.) On the Vicuna set it predicts better than the last weights do.

    Args:
        modules: Those whose trainable parameters are followed.
        keep: Weight of the past, in [0, 1); 0 follows at once.
    """

    def __init__(self, modules: Iterable[nn.Module], keep: float) -> None:
        self._followed = [p for m in modules for p in m.parameters() if p.requires_grad]
        self._keep = keep
        self._steps = 0
        self.values = [p.detach().clone() for p in self._followed]

    def follow(self) -> None:
        """Take a step in."""
        self._steps += 1
        keep = min(self._keep, self._steps / (self._steps + AVERAGE_WARM_UP_STEPS))
        for value, parameter in zip(self.values, self._followed, strict=True):
            value.lerp_(parameter.detach(), 1 - keep)

    def swap(self) -> None:
        """Exchange weights and averages: once to predict with the averages, once back."""
        for parameter, value in zip(self._followed, self.values, strict=True):
            kept = parameter.detach().clone()
            parameter.data.copy_(value)
            value.copy_(kept)

    def state_dict(self) -> dict[str, object]:
        """Everything needed to go on from here."""
        return {"steps": self._steps, "values": self.values}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from there."""
        values = state["values"]
        assert isinstance(values, list)  # noqa: S101  written by state_dict
        self._steps = int(str(state["steps"]))
        for mine, theirs in zip(self.values, values, strict=True):
            assert isinstance(theirs, Tensor)  # noqa: S101  as above
            mine.copy_(theirs)
