"""A fleet's state as JSON: for advice by hand, and for whoever knows more than the metrics say."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autoscaler.core.demand import DeadlineGroup, Knowledge, TokenDemand
from autoscaler.core.fleet import FleetState, InteractiveDemand, PastNeed, Pool, PoolInstances
from autoscaler.core.interactive import OccupancyForecast
from autoscaler.errors import InvalidStateError

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Instances(_Part):
    ready: Count = 0
    starting: Count = 0
    draining: Count = 0
    busy_interactive: Count = 0


class _Demand(_Part):
    requests: Count = 0
    mean_tokens: Amount = 0.0
    variance_tokens2: Amount = 0.0
    input_tokens: Amount = 0.0
    knowledge: str = "predictions"

    def demand(self) -> TokenDemand:
        names = [known.name.lower() for known in Knowledge]
        if self.knowledge not in names:
            raise InvalidStateError(
                f"knowledge is {self.knowledge!r}: expected one of {', '.join(names)}"
            )
        return TokenDemand(
            self.requests,
            self.mean_tokens,
            self.variance_tokens2,
            self.input_tokens,
            Knowledge[self.knowledge.upper()],
        )


class _Forecast(_Part):
    mean_slots: Amount
    variance_slots2: Amount = 0.0


class _Interactive(_Part):
    running: Count = 0
    waiting: _Demand = _Demand()
    forecast: _Forecast | None = None


class _Group(_Demand):
    due_in_s: Seconds


class _PastNeed(_Part):
    age_s: Amount
    instances: Mapping[Pool, Count]


class _State(_Part):
    age_s: Amount = 0.0
    pools: Mapping[Pool, _Instances]
    interactive: _Interactive = _Interactive()
    batch: Sequence[_Group] = ()
    past_needs: Sequence[_PastNeed] = ()


def state_from_json(text: str, now_s: float) -> FleetState:
    """The state that a JSON text tells; times in it are ages and times to go, on no clock.

    Args:
        text: An object with pools, and interactive, batch, past_needs and age_s where known.
        now_s: The present, which ages and times to go count from.

    Raises:
        InvalidStateError: It is no JSON, has an unknown key, or a value out of range.
    """
    try:
        content: Any = json.loads(text)
        told = _State.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the state"
        raise InvalidStateError(f"{key} is {first['input']!r}: {first['msg']}") from error
    except ValueError as error:
        raise InvalidStateError(f"the state is no JSON: {error}") from error
    forecast = told.interactive.forecast
    return FleetState(
        observed_s=now_s - told.age_s,
        pools={pool: PoolInstances(**one.model_dump()) for pool, one in told.pools.items()},
        interactive=InteractiveDemand(
            told.interactive.running,
            told.interactive.waiting.demand(),
            None if forecast is None else OccupancyForecast(**forecast.model_dump()),
        ),
        batch=[DeadlineGroup(now_s + one.due_in_s, one.demand()) for one in told.batch],
        past_needs=[PastNeed(now_s - one.age_s, dict(one.instances)) for one in told.past_needs],
    )
