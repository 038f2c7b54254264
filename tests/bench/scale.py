"""How much is measured: all of it, or just enough to prove that the measuring works."""

from dataclasses import dataclass

from tests.bench.api import ApiScale
from tests.bench.rates import NOTHING, ONE_BY_ONE, SERVICE


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is sent."""

    events: dict[str, int]
    rounds: int
    memory_steps: tuple[int, ...]
    orders: int
    arrivals: int
    backlog: int
    mirrored: int
    replicas: int
    requests: int
    burst: int
    stream: int
    take_overs: int
    lease_seconds: float
    api: ApiScale


FULL = Scale(
    events={SERVICE: 8_000, NOTHING: 12_000, ONE_BY_ONE: 4_000},
    rounds=3,
    memory_steps=(10_000, 50_000, 100_000),
    orders=60,
    arrivals=10_000,
    backlog=50_000,
    mirrored=1_000_000,
    replicas=3,
    requests=200,
    burst=300,
    stream=5_000,
    take_overs=5,
    lease_seconds=10,  # as it is by default
    api=ApiScale(
        calls=10_000, rounds=3, callers=64, payments=1_000, watchers=1_000, changes=10_000, changes_a_second=500
    ),
)
QUICK = Scale(
    events={SERVICE: 400, NOTHING: 400, ONE_BY_ONE: 400},
    rounds=1,
    memory_steps=(100, 200, 300),
    orders=5,
    arrivals=400,
    backlog=800,
    mirrored=5_000,
    replicas=2,
    requests=3,
    burst=10,
    stream=1_000,
    take_overs=1,
    lease_seconds=1,
    api=ApiScale(calls=50, rounds=1, callers=8, payments=20, watchers=20, changes=40, changes_a_second=100),
)
