import asyncio
import multiprocessing
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import limits
import pytest

from remote_agents import (
    AgentConnectionError,
    BlueNexus,
    ConfigurationError,
    MaiAgent,
    RateLimitError,
    Timeout,
)
from remote_agents.drivers import run
from remote_agents.sandbox import Sandbox
from remote_agents.turns import rate_limit
from remote_agents.turns.rate_limit import MANY, RateLimiter, _Memory
from tests.databases import free_port

STORAGES = ("memory", "redis")


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "memory" else str(request.getfixturevalue("redis_url"))


def model(
    box: Sandbox, limit: str | None, storage: str | None = None, **settings: Any
) -> BlueNexus:
    kwargs = {**box.kwargs("bluenexus"), **settings}
    return BlueNexus(**kwargs, rate_limit=limit, rate_limit_storage=storage)


def arrivals(box: Sandbox) -> list[float]:
    return [request["time"] for request in box.requests("bluenexus")]


def most_within(times: list[float], seconds: float) -> int:
    return max(sum(1 for t in times if start <= t < start + seconds) for start in times)


@pytest.fixture
def fresh(sandbox: Sandbox, uncounted: None) -> Sandbox:
    """The sandbox, and counts that no other test has used."""
    return sandbox


@pytest.fixture(autouse=True)
def empty_redis(request: pytest.FixtureRequest) -> None:
    if "redis" in request.node.name:
        import redis

        with redis.Redis.from_url(request.getfixturevalue("redis_url")) as client:
            client.flushall()


def test_threads_and_instances_share_the_limit(fresh: Sandbox, storage: str | None) -> None:
    models = [model(fresh, "4 per 2 second", storage) for _ in range(3)]
    begun = time.monotonic()
    with ThreadPoolExecutor(9) as threads:
        list(threads.map(lambda n: models[n % 3].ask("Hello"), range(6)))
    assert 1.9 < time.monotonic() - begun < 6
    assert most_within(arrivals(fresh), 1.2) <= 4


async def test_tasks_share_the_limit_and_come_in_order(fresh: Sandbox, storage: str | None) -> None:
    agent = model(fresh, "1/second", storage)
    tasks = []
    for number in range(3):
        tasks.append(asyncio.ensure_future(agent.aask(f"Count to {number + 2}")))
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    asked = [r["body"]["messages"][0]["content"] for r in fresh.requests("bluenexus")]
    assert asked == [f"Count to {number + 2}" for number in range(3)]
    assert most_within(arrivals(fresh), 0.6) == 1
    await agent.aclose()


async def test_one_that_gives_up_lets_the_others_through(fresh: Sandbox) -> None:
    agent = model(fresh, "1/second")
    await agent.aask("Hello")
    waiting = [asyncio.ensure_future(agent.aask("Hello")) for _ in range(3)]
    await asyncio.sleep(0.05)
    waiting[0].cancel()  # the one that waits for the window
    waiting[1].cancel()  # one that waits for its place
    assert (await waiting[2]).text
    assert [task.cancelled() for task in waiting] == [True, True, False]
    assert len(fresh.requests("bluenexus")) == 2
    await agent.aclose()


def test_other_accounts_do_not_wait(fresh: Sandbox) -> None:
    limiter = RateLimiter("1/minute")
    begun = time.monotonic()
    for name in ("a", "b", "c"):
        list(run(limiter.wait(name), client=None))
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("awaited", [False, True])
async def test_a_lower_limit_holds_up_no_higher_one(fresh: Sandbox, awaited: bool) -> None:
    slow, fast = model(fresh, "1/minute"), model(fresh, "100/second")
    await slow.aask("Hello")
    waiting = asyncio.ensure_future(slow.aask("Hello"))
    await asyncio.sleep(0.05)
    call: dict[str, Any] = {"timeout": Timeout(total=5)}
    reply = await fast.aask("Hello", **call) if awaited else fast.ask("Hello", **call)
    assert reply.text
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    await slow.aclose()


@pytest.mark.parametrize("crowded", [False, True])
def test_waiting_is_bounded(fresh: Sandbox, crowded: bool) -> None:
    first, late = (RateLimiter("1/minute", max_wait=w) for w in (30, 0.3))
    list(run(first.wait("a"), client=None))
    if crowded:  # somebody else waits for the window
        thread = threading.Thread(target=lambda: _swallow(RateLimiter("1/minute", None, 1)))
        thread.start()
        time.sleep(0.05)
    begun = time.monotonic()
    with pytest.raises(RateLimitError, match="nothing was sent"):
        list(run(late.wait("a"), client=None))
    assert time.monotonic() - begun < 0.9
    if crowded:
        thread.join()


@pytest.mark.parametrize("awaited", [False, True])
def test_waiting_ends_with_the_time_of_the_turn(fresh: Sandbox, awaited: bool) -> None:
    agent = model(fresh, "1/minute", timeout=Timeout(total=2))
    agent.ask("Hello")
    begun = time.monotonic()
    with pytest.raises(RateLimitError, match="nothing was sent") as caught:
        asyncio.run(agent.aask("Hello")) if awaited else agent.ask("Hello")
    assert time.monotonic() - begun < 20
    assert caught.value.safe_to_repeat
    assert len(fresh.requests("bluenexus")) == 1


def _swallow(limiter: RateLimiter) -> None:
    with pytest.raises(RateLimitError):
        list(run(limiter.wait("a"), client=None))


def _ask(kwargs: dict[str, str], other: dict[str, str], url: str, limit: str, times: int) -> None:
    MaiAgent(**other).ask("Hello")  # the first request imports the HTTP libraries
    agent = BlueNexus(**kwargs, rate_limit=limit, rate_limit_storage=url)
    for _ in range(times):
        agent.ask("Hello")


def test_two_processes_share_the_limit_through_redis(fresh: Sandbox, redis_url: str) -> None:
    kwargs = fresh.kwargs("bluenexus"), fresh.kwargs("maiagent")
    arguments = (*kwargs, redis_url, "4 per 2 second", 4)
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_ask, args=arguments) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0]
    times = arrivals(fresh)
    assert len(times) == 8
    assert most_within(times, 1.2) <= 4


def test_a_redis_that_is_down_is_told(fresh: Sandbox) -> None:
    address = f"redis://127.0.0.1:{free_port()}"
    agent = model(fresh, "4/second", address)
    with pytest.raises(AgentConnectionError, match="rate_limit_storage"):
        agent.ask("Hello")
    assert fresh.requests("bluenexus") == []


@pytest.mark.parametrize("awaited", [False, True])
def test_whatever_a_storage_raises_is_told(
    awaited: bool, fresh: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`limits` 4 lets a KeyError of Sentinel through, and redis 5 an error of clusters."""
    from limits.storage import RedisStorage

    def fails(*_: Any, **__: Any) -> bool:
        raise KeyError("redis://:pw-very-secret@host")

    monkeypatch.setattr(RedisStorage, "acquire_entry", fails)
    agent = model(fresh, "4/second", f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(AgentConnectionError, match=r"rate_limit_storage.*KeyError") as caught:
        asyncio.run(agent.aask("Hello")) if awaited else agent.ask("Hello")
    assert caught.value.safe_to_repeat
    assert "very-secret" not in str(caught.value)
    assert fresh.requests("bluenexus") == []


@pytest.mark.parametrize(("kind", "place"), [("redis", "0"), ("redis+sentinel", "mymaster")])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_storage_that_never_answers(
    awaited: bool, kind: str, place: str, fresh: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "STORAGE_WAIT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{kind}://127.0.0.1:{silent.getsockname()[1]}/{place}"
        agent = model(fresh, "4/second", address)
        begun = time.monotonic()
        with pytest.raises(AgentConnectionError, match="rate_limit_storage") as caught:
            asyncio.run(agent.aask("Hello")) if awaited else agent.ask("Hello")
    assert time.monotonic() - begun < 5
    assert caught.value.safe_to_repeat
    assert fresh.requests("bluenexus") == []


def test_it_is_off_unless_asked_for(fresh: Sandbox) -> None:
    agent = model(fresh, None)
    for _ in range(40):
        agent.ask("Hello")
    times = arrivals(fresh)
    assert max(after - before for before, after in pairwise(times)) < 1
    code = (
        "import sys, remote_agents as r; r.BlueNexus(api_key='k'); print('limits' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    "limit", ["often", "30", "30/fortnight", "-1/minute", "30/minute; 500/hour"]
)
def test_a_limit_that_cannot_be_read_is_told(limit: str) -> None:
    with pytest.raises(ConfigurationError, match="30/minute"):
        BlueNexus(api_key="k", rate_limit=limit)


# --- whose limit it is ---------------------------------------------------------------------------

_WORKER = """
import sys, warnings
from remote_agents import BlueNexus, RateLimitError, Timeout
warnings.simplefilter("ignore")
url, key, storage, kind = sys.argv[1:]
token = lambda: key
settings = {"function": {}, "named": {"account": "a"}, "asked": {"account": lambda: "a"}}[kind]
agent = BlueNexus(
    base_url=url, api_key=token, rate_limit="4/minute", rate_limit_storage=storage,
    timeout=Timeout(total=8), max_retries=0, **settings,
)
for _ in range(8):
    try:
        agent.ask("Hello")
    except RateLimitError:
        break
"""


@pytest.mark.parametrize("kind", ["function", "named", "asked"])
def test_a_key_function_shares_the_limit_through_redis(
    fresh: Sandbox, redis_url: str, kind: str
) -> None:
    given = fresh.kwargs("bluenexus")
    arguments = [given["base_url"], given["api_key"], redis_url, kind]
    command = [sys.executable, "-c", _WORKER, *arguments]
    children = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert len(arrivals(fresh)) == 4


def test_a_shared_limit_asks_for_the_account_of_a_key_function(redis_url: str) -> None:
    limited = {"rate_limit": "1/minute", "rate_limit_storage": redis_url}
    with pytest.warns(UserWarning, match="account="):
        BlueNexus(api_key=lambda: "k", **limited)


@pytest.mark.parametrize("awaited", [False, True])
def test_users_of_one_model_are_limited_apart(
    fresh: Sandbox, storage: str | None, awaited: bool
) -> None:
    user = ["a"]

    async def account() -> str:
        return user[0]

    kwargs = fresh.kwargs("bluenexus")
    key = kwargs.pop("api_key")
    agent = BlueNexus(
        **kwargs,
        api_key=lambda: key,
        account=account if awaited else lambda: user[0],
        rate_limit="1/minute",
        rate_limit_storage=storage,
        timeout=Timeout(total=5),
    )

    async def turn() -> None:
        if not awaited:
            agent.ask("Hello")
        else:
            await agent.aask("Hello")

    for name in ("a", "b"):
        user[0] = name
        asyncio.run(turn())
    with pytest.raises(RateLimitError):
        asyncio.run(turn())
    assert len(fresh.requests("bluenexus")) == 2


def test_an_account_is_forgotten_when_its_window_is_over() -> None:
    memory, short, long = _Memory(), limits.parse("2/second"), limits.parse("2/hour")
    assert [memory.delay(long, "loud") > 0 for _ in range(3)] == [False, False, True]
    for number in range(3 * MANY):
        assert memory.delay(short, f"account {number}") == 0
    time.sleep(1.1)
    for number in range(2 * MANY, 5 * MANY):
        assert memory.delay(short, f"account {number}") == 0
    assert len(memory._hits) <= 4 * MANY
    assert memory.delay(long, "loud") > 0, "its window goes on"


def test_two_key_functions_in_one_process_are_two_accounts(fresh: Sandbox) -> None:
    kwargs = fresh.kwargs("bluenexus")
    key = kwargs.pop("api_key")
    for _ in range(2):  # made and dropped in turn: their ids may be the same
        limited: Any = {"rate_limit": "1/minute", "timeout": Timeout(total=5)}
        BlueNexus(**kwargs, api_key=lambda: key, **limited).ask("Hello")
    assert len(arrivals(fresh)) == 2
