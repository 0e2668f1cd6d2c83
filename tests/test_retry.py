import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from remote_agents import (
    ENDPOINTS,
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    AuthenticationError,
    BlueNexus,
    ConflictError,
    MaiAgent,
    QuotaExceededError,
    RateLimitError,
    RemoteFailureError,
    ServerError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeout,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import make
from remote_agents.turns import retry
from remote_agents.turns.retry import MAX_WAIT, retry_delay
from remote_agents.wire.failures import retry_after
from tests.raw_server import EVENTS, JSON, RESET, head, serving
from tests.transports import asking, each_kind

REPLY = b'{"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}'
WHOLE = [head(JSON, length=len(REPLY)), REPLY]
ALWAYS, SAFE, UNSAFE, NEVER = "always", "safe", "unsafe", "never"

# What docs/errors.md says of each failure: repeated always, only where repeating does no harm
# (GET, or the caller's opt-in), or never.
RULE: list[tuple[AgentError, str]] = [
    (AgentConnectionError(), ALWAYS),
    (AgentTimeoutError(phase="connect"), ALWAYS),
    (RateLimitError(status_code=429), ALWAYS),
    (RateLimitError(status_code=429, retry_after=1.0), ALWAYS),
    (ServerError(status_code=503, retry_after=1.0), ALWAYS),
    (ServerError(status_code=503), SAFE),
    (ServerError(status_code=500), SAFE),
    (ServerError(status_code=502), SAFE),
    (ServerError(status_code=504), SAFE),
    (ServerError(status_code=501), NEVER),
    (ConflictError(status_code=409), SAFE),
    (AgentTimeoutError(phase="first_event"), SAFE),
    (AgentTimeoutError(phase="idle"), SAFE),
    (AgentTimeoutError(phase="total"), NEVER),
    (StreamInterruptedError(), SAFE),
    (StreamProtocolError(), NEVER),
    (RemoteFailureError(), NEVER),
    (AuthenticationError(status_code=401), NEVER),
    (QuotaExceededError(status_code=429), NEVER),
    (RateLimitError(status_code=429, retry_after=3600.0), NEVER),
    (RateLimitError(status_code=429, retry_after=float("nan")), NEVER),
]


@pytest.mark.parametrize(
    ("error", "when"), RULE, ids=lambda value: str(getattr(value, "args", value))
)
def test_the_rule(error: AgentError, when: str) -> None:
    def repeated(**given: Any) -> bool:
        return retry_delay(error, 1, max_retries=2, **given) is not None

    assert repeated() is (when == ALWAYS)
    assert repeated(safe=True) is (when in (ALWAYS, SAFE))
    assert repeated(unsafe=True) is (when in (ALWAYS, SAFE))
    assert retry_delay(error, 3, max_retries=2, safe=True, unsafe=True) is None
    assert retry_delay(error, 1, max_retries=0, safe=True, unsafe=True) is None


def test_waits_double_with_jitter_and_are_bounded() -> None:
    def waits(attempt: int) -> list[float]:
        error = AgentConnectionError()
        return [retry_delay(error, attempt, max_retries=99) or 0 for _ in range(200)]

    for attempt, middle in ((1, 0.5), (2, 1.0), (3, 2.0), (20, MAX_WAIT)):
        assert 0.75 * middle <= min(waits(attempt)) < max(waits(attempt)) <= 1.25 * middle


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3), ("0", 0), ("1.5", 1.5), ("-7", 0), ("", None), ("soon", None), (None, None)],
)
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after({} if value is None else {"retry-after": value}) == seconds


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_it_waits_longer_where_a_place_is_long_in_coming(sandbox: Sandbox, endpoint: str) -> None:
    sandbox.fail_next(429, endpoint=endpoint)
    make("plain", endpoint, **sandbox.kwargs(endpoint)).ask("Hello")
    refused, answered = [r for r in sandbox.requests() if r["status"] in (429, 200)][-2:]
    waited = answered["time"] - refused["ended"]
    assert (waited > 2.9) == (endpoint in ("bluenexus", "cloudbase", "cloudbase_openai"))


@pytest.fixture
def far_west(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as here:
        here.setenv("TZ", "HST+10")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_west")
@pytest.mark.parametrize(
    "form",
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"],
    ids=["today's", "RFC 850's", "C's"],
)
def test_retry_after_as_a_date(form: str) -> None:
    moment = time.strftime(form, time.gmtime(time.time() + 30))
    assert 28 < (retry_after({"retry-after": moment}) or 0) <= 30
    assert retry_after({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}) == 0


@each_kind
async def test_it_waits_as_told(kind: str) -> None:
    busy = [head(JSON, "429 Too Many Requests", "Retry-After: 1", length=2), b"{}"]
    with serving(busy, WHOLE) as server:
        async with asking(kind, server, max_retries=1) as asker:
            begun = time.monotonic()
            assert await asker.ask(stream=False) == "Hello"
        assert 0.95 < time.monotonic() - begun < 2
        assert len(server.requests) == 2


@each_kind
async def test_it_does_not_wait_beyond_the_whole_time(kind: str) -> None:
    busy = [head(JSON, "429 Too Many Requests", "Retry-After: 5", length=2), b"{}"]
    with serving(busy) as server:
        async with asking(kind, server, max_retries=1, timeout=Timeout(total=2)) as asker:
            begun = time.monotonic()
            assert isinstance(await asker.fails(), RateLimitError)
            assert time.monotonic() - begun < 1


THROTTLED = b'{"code": "EXCEED_REQUEST_LIMIT"}'
TOLD = ("200 OK", "Retry-After: 0")


@each_kind
async def test_a_refusal_after_the_first_event_is_not(kind: str) -> None:
    start = b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
    busy = [head(EVENTS, *TOLD), start + b"data: " + THROTTLED + b"\n\n"]
    with serving(busy, WHOLE) as server:
        async with asking(kind, server, max_retries=3, retry_unsafe=True) as asker:
            error = await asker.fails()
        assert error.partial == "Hel"
        assert len(server.requests) == 1


@each_kind
@pytest.mark.parametrize(
    "script",
    [
        [RESET],
        [head(), RESET],
        [head(), b": wait\n\n"],
        [head(length=9), b"{", RESET],
        [head(JSON, "502 Bad Gateway", length=0)],
    ],
)
async def test_who_opts_in_repeats_what_may_have_run(
    kind: str, script: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry.random, "uniform", lambda *_: 0.01)  # of the wait
    for unsafe, posts in ((False, 1), (True, 2)):
        with serving(script, WHOLE) as server:
            async with asking(kind, server, max_retries=1, retry_unsafe=unsafe) as asker:
                if unsafe:
                    assert await asker.ask(stream=False) == "Hello"
                else:
                    assert not (await asker.fails()).safe_to_repeat
            assert len(server.requests) == posts


@each_kind
async def test_a_refusal_after_what_may_have_run_is_not_safe_to_repeat(kind: str) -> None:
    failed = [head(JSON, "502 Bad Gateway", "Retry-After: 0", length=0)]
    busy = [head(JSON, "429 Too Many Requests", "Retry-After: 0", length=0)]
    with serving(failed, busy) as server:
        async with asking(kind, server, max_retries=1, retry_unsafe=True) as asker:
            error = await asker.fails(session_id="u1")
        assert (type(error), error.safe_to_repeat) == (RateLimitError, False)


@each_kind
async def test_nothing_is_repeated_after_the_first_event_even_then(kind: str) -> None:
    start = b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
    with serving([head(), start, RESET], WHOLE) as server:
        async with asking(kind, server, max_retries=3, retry_unsafe=True) as asker:
            error = await asker.fails()
        assert (type(error), error.partial) == (StreamInterruptedError, "Hel")
        assert len(server.requests) == 1


def test_reading_is_repeated_freely(sandbox: Sandbox) -> None:
    from remote_agents.flow import Call, Request

    def read() -> Any:
        return (yield Call(Request("GET", "/api/conversations/", safe=True)))

    for fault in ("drop_after", "truncate_after", "reset_before_response"):
        sandbox.reset()
        sandbox.fault(fault, endpoint="maiagent", match="/conversations/", times=2)
        agent = MaiAgent(**sandbox.kwargs("maiagent")).agent
        assert agent.call(read()).status == 200
        assert asyncio.run(agent.acall(read())).status == 200
        assert len(sandbox.requests("maiagent")) == 4


@pytest.mark.parametrize("awaited", [False, True])
def test_a_callable_key_is_asked_again_once(sandbox: Sandbox, awaited: bool) -> None:
    right = sandbox.kwargs("bluenexus")["api_key"]
    given: list[str] = []

    def fresh() -> str:
        given.append("old" if not given else right)
        return given[-1]

    async def afresh() -> str:
        await asyncio.sleep(0)
        return fresh()

    kwargs = {**sandbox.kwargs("bluenexus"), "max_retries": 0}
    if awaited:
        assert asyncio.run(BlueNexus(**{**kwargs, "api_key": afresh}).aask("Hello")).text
    else:
        assert BlueNexus(**{**kwargs, "api_key": fresh}).ask("Hello").text
    assert given == ["old", right]
    assert [r["status"] for r in sandbox.requests("bluenexus")] == [401, 200]


def test_a_callable_key_that_stays_wrong_is_asked_twice(sandbox: Sandbox) -> None:
    given: list[str] = []
    kwargs = {**sandbox.kwargs("bluenexus"), "api_key": lambda: given.append("x") or "wrong"}
    with pytest.raises(AuthenticationError):
        BlueNexus(**kwargs).ask("Hello")
    assert len(given) == len(sandbox.requests("bluenexus")) == 2


def test_a_fixed_key_that_is_wrong_is_tried_once(sandbox: Sandbox) -> None:
    with pytest.raises(AuthenticationError, match="BLUENEXUS_API_KEY"):
        BlueNexus(**{**sandbox.kwargs("bluenexus"), "api_key": "wrong"}).ask("Hello")
    assert len(sandbox.requests("bluenexus")) == 1
