"""The fault matrix: fault x endpoint x framework x sync or async x streamed or not.

`make faults` prints it. The endpoints of a row suffer at the same time.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from remote_agents import (
    ENDPOINTS,
    AgentError,
    AgentTimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    RemoteFailureError,
    ServerError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeout,
    UnprocessableEntityError,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way

LIMITS = {"max_event_bytes": 1 << 20, "max_body_bytes": 1 << 21, "max_retries": 1}
PATIENT = Timeout(first_event=30, idle=30)
IMPATIENT = {
    "first_event": Timeout(first_event=0.5, idle=30),
    "idle": Timeout(first_event=30, idle=0.3),
}
QUOTA = {"code": "EXCEED_TOKEN_QUOTA_LIMIT", "message": "Token usage exceeded quota limit"}

# Not the gateway's refusal of the request: an agent, some of whose work may be done, says it.
THROTTLED = {"error": {"code": "EXCEED_CONCURRENT_REQUEST_LIMIT", "message": "Too many requests"}}


@dataclass
class Fault:
    """What is ordered, and what must come of it.

    `streamed` and `plain` are the expected errors (None: the answer arrives whole) where the
    service streams and where it sends one body; `partial` says whether text had arrived. A heavy
    one strikes one endpoint at a time, another one in each test.
    """

    kind: str
    streamed: type[AgentError] | None
    plain: type[AgentError] | None
    posts: int = 1
    phase: str | None = None
    partial: bool = False
    slow: bool = False
    heavy: bool = False
    order: dict[str, Any] = field(default_factory=dict)


def status(code: int, expected: type[AgentError] | None, posts: int = 1, **order: Any) -> Fault:
    return Fault("fail_next", expected, expected, posts, order={"status": code, **order})


def both(kind: str, expected: type[AgentError] | None, **more: Any) -> Fault:
    return Fault(kind, expected, expected, **more)


FAULTS: dict[str, Fault] = {
    "400": status(400, BadRequestError),
    "401": status(401, AuthenticationError),
    "403": status(403, PermissionDeniedError),
    "404": status(404, NotFoundError),
    "409": status(409, ConflictError),
    "422": status(422, UnprocessableEntityError),
    "429, once": status(429, None, posts=2, retry_after=0),
    "429, for good": status(429, RateLimitError, posts=2, retry_after=0, times=2),
    "429, for an hour": status(429, RateLimitError, retry_after=3600),
    "429, until a date": status(429, RateLimitError, retry_after="Fri, 31 Dec 2100 23:59:59 GMT"),
    "throttled in 200": status(200, RateLimitError, body=THROTTLED, retry_after=0),
    "quota in 200": status(200, QuotaExceededError, body=QUOTA),
    "quota": status(429, QuotaExceededError, body=QUOTA),
    "500": status(500, ServerError),
    "502, a web page": status(502, ServerError, body="<html><title>Bad Gateway</title></html>"),
    "503": status(503, ServerError),
    "503, once": status(503, None, posts=2, retry_after=0),
    "504": status(504, ServerError),
    "error in 200": both("error_in_200", RemoteFailureError),
    "error event": Fault("error_event", RemoteFailureError, RemoteFailureError, partial=True),
    "reset before": both("reset_before_response", StreamInterruptedError),
    "slow first byte": both(
        "slow_first_byte", AgentTimeoutError, phase="first_event", slow=True, order={"seconds": 5}
    ),
    "drop": both("drop_after", StreamInterruptedError, partial=True),
    "truncate": both("truncate_after", StreamInterruptedError, partial=True),
    "stall": both(
        "stall_after",
        AgentTimeoutError,
        phase="idle",
        partial=True,
        slow=True,
        order={"keepalive": False},
    ),
    "stall, keep-alives": both(
        "stall_after", AgentTimeoutError, phase="idle", partial=True, slow=True
    ),
    "keep-alives only": both(
        "endless_keepalives", AgentTimeoutError, phase="first_event", slow=True
    ),
    "garbage": both("garbage", StreamProtocolError),
    "web page": both("wrong_content_type", StreamProtocolError),
    "frames twice": both("duplicate_frames", None),
    "endless line": both("endless_line", StreamProtocolError),
    "gzip bomb": both("gzip_bomb", StreamProtocolError, heavy=True),
    "10 MB headers": both("huge_headers", StreamProtocolError, heavy=True),
}
TOLD = 12  # frames let through where text must have arrived: a protocol may begin with others


@dataclass
class Outcome:
    error: AgentError | None
    posts: int
    turns: int
    seconds: float
    again: str

    def __str__(self) -> str:
        return f"{type(self.error).__name__ if self.error else 'whole'} x{self.posts}"


Table = defaultdict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Prints what each fault led to, when the module is through."""
    rows: Table = defaultdict(lambda: defaultdict(set))
    yield rows
    print(f"\n\n{'fault':20} {'posts':>5}  outcome (all endpoints, unless named)")
    for fault, endpoints in rows.items():
        print(f"{fault:20} {FAULTS[fault].posts:>5}  {_row(endpoints)}")


def _row(endpoints: dict[str, set[str]]) -> str:
    outcomes = {name: " / ".join(sorted(seen)) for name, seen in endpoints.items()}
    if len(set(outcomes.values())) == 1:
        return next(iter(outcomes.values()))
    return "; ".join(f"{name}: {outcome}" for name, outcome in outcomes.items())


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", FAULTS)
async def test_fault(
    sandbox: Sandbox, table: Table, name: str, framework: str, streamed: bool, awaited: bool
) -> None:
    fault = FAULTS[name]
    test = 4 * FRAMEWORKS.index(framework) + 2 * streamed + awaited
    victims = [ENDPOINT_NAMES[test % len(ENDPOINT_NAMES)]] if fault.heavy else ENDPOINT_NAMES
    outcomes = await asyncio.gather(
        *(suffer(sandbox, fault, framework, name, streamed, awaited) for name in victims)
    )
    wrong = {}
    for endpoint, outcome in zip(victims, outcomes, strict=True):
        table[name][endpoint].add(str(outcome).rpartition(" x")[0])
        if problem := check(
            fault, outcome, streamed or ENDPOINTS[endpoint].always_streams, endpoint
        ):
            wrong[endpoint] = f"{problem}: {outcome.error!r}"
    assert wrong == {}


async def suffer(
    box: Sandbox, fault: Fault, framework: str, endpoint: str, streamed: bool, awaited: bool
) -> Outcome:
    kwargs = {**box.kwargs(endpoint), **LIMITS, "timeout": PATIENT}
    way = Way(framework, endpoint, streamed=streamed, awaited=awaited, **kwargs)
    call = {"timeout": IMPATIENT[fault.phase]} if fault.slow and fault.phase else {}
    order = {"events": TOLD, "after": TOLD} if fault.partial else {}
    wanted = {**order, **fault.order}
    await asyncio.to_thread(box.fault, fault.kind, endpoint=endpoint, **_known(fault.kind, wanted))
    begun, error = time.monotonic(), None
    try:
        await asked(way, "Count to 30", **call)
    except AgentError as caught:
        error = caught
    seconds = time.monotonic() - begun
    posts = len(await asyncio.to_thread(box.requests, endpoint))
    turns = len(await asyncio.to_thread(box.turns, endpoint))
    again = await asked(way, "Hello")
    return Outcome(error, posts, turns, seconds, again.text)


def _known(kind: str, order: dict[str, Any]) -> dict[str, Any]:
    left_out = {"error_event": "events"}.get(kind, "after")
    return {name: value for name, value in order.items() if name != left_out}


async def asked(way: Way, question: str, **call: object) -> Any:
    if way.awaited:
        return await way.ask(question, **call)
    return await asyncio.to_thread(_driven, way.ask(question, **call))


def _driven(asking: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that awaits nothing."""
    try:
        asking.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the sync way awaited something")


def check(fault: Fault, outcome: Outcome, sse: bool, endpoint: str) -> str | None:
    """What is not as it must be, if anything."""
    expected = fault.streamed if sse else fault.plain
    found = type(outcome.error).__name__ if outcome.error else None
    if found != (expected.__name__ if expected else None):
        return f"{found} instead of {expected}"
    if expected is not None and not isinstance(outcome.error, expected):
        return "not a core error"
    if outcome.posts != fault.posts:
        return f"{outcome.posts} posts"
    if outcome.turns > 1:
        return f"the turn ran {outcome.turns} times"
    if not outcome.again:
        return "the next call did not work"
    if fault.slow and outcome.seconds > 4:
        return f"it took {outcome.seconds:.1f} s"
    return _check_error(fault, outcome.error, sse, endpoint) if outcome.error else None


def _check_error(fault: Fault, error: AgentError, sse: bool, endpoint: str) -> str | None:
    if error.endpoint != endpoint:
        return f"endpoint {error.endpoint}"
    if fault.partial and sse and not error.partial:
        return "no partial text"
    if not fault.partial and error.partial:
        return f"partial text {error.partial!r}"
    if fault.phase and getattr(error, "phase", None) != fault.phase:
        return f"phase {error!r}"
    refused = type(error).__name__ == "RateLimitError" and fault.order.get("status") == 429
    if error.safe_to_repeat != refused:
        return f"safe_to_repeat {error.safe_to_repeat}"
    return None
