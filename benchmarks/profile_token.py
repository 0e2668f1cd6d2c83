"""Where one streamed token spends its time: `python -m benchmarks.profile_token`.

The sums are measured without a profiler, by stacks over the same bytes: a socket that only
receives, an HTTP client that only hands over bytes, the plain client, the adapter. The profiler
divides the differences between them among layers.
"""

from __future__ import annotations

import asyncio
import collections
import cProfile
import gc
import pstats
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.processes import Server, Workers
from benchmarks.table import number, plain

EVENTS, ROUNDS = 10_000, 5
SOCKET, TRANSPORT, SPLIT, PARSE = "socket", "HTTP transport", "SSE split", "JSON"
DECODE, DRIVER, CHUNK, FRAMEWORK = "decode", "core's driver", "our chunk building", "framework"
LAYERS = (SOCKET, TRANSPORT, SPLIT, PARSE, DECODE, DRIVER, CHUNK, FRAMEWORK)
CORE_LAYERS, ADAPTER_LAYERS = (SPLIT, PARSE, DECODE, DRIVER), (CHUNK, FRAMEWORK)
# a function belongs to the first of these that its file's path contains
FILES = (
    ("remote_agents/http/", TRANSPORT),
    ("remote_agents/wire/sse.", SPLIT),
    ("remote_agents/wire/frames.", SPLIT),
    ("remote_agents/wire/", DECODE),
    ("remote_agents/services/", DECODE),
    ("remote_agents/types/", DECODE),
    ("remote_agents/", DRIVER),
    ("langchain_agents/", CHUNK),
    ("llamaindex_agents/", CHUNK),
    ("langchain", FRAMEWORK),
    ("langsmith", FRAMEWORK),
    ("llama_index", FRAMEWORK),
    ("pydantic", FRAMEWORK),
    ("httpcore", TRANSPORT),
    ("httpx", TRANSPORT),
    ("h11", TRANSPORT),
    ("aiohttp", TRANSPORT),
    ("asyncio", TRANSPORT),
)
CASES = {
    "LangChain stream": ("ChatBlueNexus", False),
    "LangChain astream": ("ChatBlueNexus", True),
    "LlamaIndex stream_chat": ("llamaindex BlueNexus", False),
    "LlamaIndex astream_chat": ("llamaindex BlueNexus", True),
}
Cost = dict[str, float]
Job = Callable[[], Any]


def per_event(job: Job) -> float:
    """Median CPU microseconds an event."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        job()
        times.append((time.process_time() - start) / EVENTS * 1e6)
    return statistics.median(times[1:])


def read_socket(url: str) -> None:
    """Receive the whole answer and look at nothing."""
    client = CONTENDERS["raw socket"].build(url)
    sock = client.connect()
    sock.sendall(client.request)
    last = b""
    while not last.endswith(b"0\r\n\r\n"):
        last = last[-5:] + sock.recv(1 << 16)
    sock.close()


def asked_of(url: str) -> Any:
    """A request as the library's own HTTP clients take it."""
    from remote_agents.flow import Request
    from remote_agents.http.requests import Timeouts, address_of, outgoing_json

    limits: Timeouts = dict.fromkeys(("connect", "read", "write", "pool"), 60.0)
    return outgoing_json(Request("POST", "", json={}), address_of(url), limits)


def http_reader(url: str) -> Job:
    """Receive it through the library's own HTTP client, chunk by chunk."""
    from remote_agents.http.errors import Departure
    from remote_agents.http.pools import Pools, Route

    client = Pools().client(http_reader, Route.to(url, True))

    def read() -> None:
        response = client.send(asked_of(url), Departure())
        collections.deque(response.body, maxlen=0)
        response.close()

    return read


def async_http_reader(url: str, loop: asyncio.AbstractEventLoop) -> Job:
    """The same, async, over aiohttp where that is installed."""
    from remote_agents.http.errors import Departure
    from remote_agents.http.pools import Pools, Route

    pools = Pools()

    async def read() -> None:
        client = await pools.async_client(async_http_reader, Route.to(url, True))
        response = await client.send(asked_of(url), Departure())
        async for _ in response.body:
            pass
        await response.close()

    return lambda: loop.run_until_complete(read())


def reader(name: str, url: str, is_async: bool, loop: asyncio.AbstractEventLoop) -> Job:
    """A job that reads one whole answer through a contender, one item for each event."""
    from benchmarks.tasks import adrain, drain

    contender = CONTENDERS[name]
    model, prompt = contender.build(url, coalesce=False), contender.prompt(1)
    if is_async:
        return lambda: loop.run_until_complete(adrain(contender, model, prompt))
    return lambda: drain(contender, model, prompt)


def layer_of(file: str, function: str) -> str | None:
    """The layer of one profiled function; None for what belongs to its callers."""
    if "from_json" in function or "/json/" in file:
        return PARSE
    if "socket" in function:
        return SOCKET
    return next((layer for part, layer in FILES if part in file.replace("\\", "/")), None)


def shares(job: Job) -> Counter[str]:
    """Profiled seconds of each layer; a builtin counts for the layers that call it."""
    profiler = cProfile.Profile()
    gc.collect()
    gc.disable()  # it would count for whoever allocates as it begins
    profiler.runcall(job)
    gc.enable()
    seconds: Counter[str] = Counter()
    entries = pstats.Stats(profiler).stats  # type: ignore[attr-defined]  # typeshed has no `stats`
    for (file, _, function), (_, _, own, _, callers) in entries.items():
        if layer := layer_of(file, function):
            seconds[layer] += own
            continue
        for (caller_file, _, caller), (_, _, part, _) in callers.items():
            seconds[layer_of(caller_file, caller) or FRAMEWORK] += part
    return seconds


def divide(total: float, layers: tuple[str, ...], seconds: Counter[str]) -> Cost:
    """`total` among `layers`, in the profile's proportions."""
    whole = sum(seconds[layer] for layer in layers) or 1.0
    return {layer: max(total, 0) * seconds[layer] / whole for layer in layers}


def profile(url: str, name: str, is_async: bool) -> Cost:
    """Microseconds an event by layer."""
    loop, base = asyncio.new_event_loop(), f"{url}/burst/{EVENTS}"
    http = async_http_reader(base, loop) if is_async else http_reader(base)
    adapter = reader(name, base, is_async, loop)
    sock = per_event(lambda: read_socket(base))
    transport = per_event(http)
    core = per_event(reader("remote_agents.BlueNexus", base, is_async, loop))
    whole, seconds = per_event(adapter), shares(adapter)
    return {
        SOCKET: sock,
        TRANSPORT: max(transport - sock, 0),
        **divide(core - transport, CORE_LAYERS, seconds),
        **divide(whole - core, ADAPTER_LAYERS, seconds),
    }


def layers(name: str, url: str) -> dict[str, Any]:
    """The worker's task: a row a layer, a column a case, and what did not work."""
    costs: dict[str, Cost] = {}
    errors = []
    for title, (contender, is_async) in CASES.items():
        try:
            costs[title] = profile(url, contender, is_async)
        except Exception as error:  # one case must not cost us the others
            errors.append(f"{title}: {type(error).__name__}: {error}")
    return {"rows": table_of(costs), "errors": errors}


def table_of(costs: dict[str, Cost]) -> list[tuple[str, ...]]:
    """The costs as text, with their sums."""
    rows: list[tuple[str, ...]] = [("us an event", *costs)]
    rows += [(layer, *(number(cost[layer]) for cost in costs.values())) for layer in LAYERS]
    return [*rows, ("all", *(number(sum(cost.values())) for cost in costs.values()))]


def main() -> None:
    """Print the profile, measured in a process of its own."""
    with Server() as url:
        workers = Workers(url)
        found = workers.call("profile", "layers", limit=300)
        workers.close()
    print(plain(found.get("rows", [])))
    for error in found.get("errors", [found.get("error")]):
        print(f"n/a: {error}")


if __name__ == "__main__":
    main()
