"""What a worker process can be asked to measure.

Every task takes a contender's name and the server's URL, and returns plain numbers.
"""

from __future__ import annotations

import asyncio
import inspect
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.memory import peak_mb, reset_peak
from benchmarks.server import ARGUMENTS, STAMP_DIGITS

LOOP = asyncio.new_event_loop()
WARM_EVENTS = 50
RESOLUTION_MB = 0.1
LETTERS = {"burst": 5, "paced": 5, "answer": 9, "calls": 5, "agui": 5, "slow": STAMP_DIGITS}
Result = dict[str, Any]


class Stopwatch:
    """CPU time of this process and the clock, from construction on."""

    def __init__(self) -> None:
        reset_peak()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def per(self, count: int) -> Result:
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        return {"us": cpu / count * 1e6, "cpu": cpu, "wall": wall, "per_second": count / wall}


def run(job: Awaitable[Any]) -> Any:
    """Drive async jobs on one loop for life, as a service does: connections stay warm."""
    return LOOP.run_until_complete(job)


async def opened(stream: Any) -> Any:
    """The stream itself; some libraries hand it out only after an await."""
    return await stream if inspect.isawaitable(stream) else stream


def drain(contender: Contender, model: Any, prompt: Any) -> int:
    """Iterate one stream to its end and count the letters."""
    assert contender.stream
    text = contender.text
    return sum(len(text(item)) for item in contender.stream(model, prompt))


async def adrain(contender: Contender, model: Any, prompt: Any) -> int:
    """The same, async."""
    assert contender.astream
    text, letters = contender.text, 0
    async for item in await opened(contender.astream(model, prompt)):
        letters += len(text(item))
    return letters


def check(letters: int, mode: str, events: int) -> None:
    """A contender that loses text has no time."""
    expected = LETTERS[mode] * events
    if mode in {"calls", "agui"}:
        expected += len("".join(ARGUMENTS))
    if letters != expected:
        raise ValueError(f"{letters} letters arrived, {expected} were sent")


def read(contender: Contender, model: Any, prompt: Any, is_async: bool) -> int:
    """One whole stream through the contender's public method; its letters."""
    if is_async:
        return int(run(adrain(contender, model, prompt)))
    return drain(contender, model, prompt)


def stream(
    name: str, url: str, *, mode: str, events: int, is_async: bool, **options: Any
) -> Result:
    """CPU per event of one long stream, and the memory that it adds."""
    contender = CONTENDERS[name]
    prompt, build = contender.prompt(1), contender.build
    read(contender, build(f"{url}/burst/{WARM_EVENTS}"), prompt, is_async)
    model = build(f"{url}/{mode}/{events}", **options)
    before, watch = reset_peak(), Stopwatch()
    letters = read(contender, model, prompt, is_async)
    check(letters, mode, events)
    return {**watch.per(events), "mb": peak_mb() - before, "peak_mb": peak_mb()}


def first(contender: Contender, model: Any, prompt: Any) -> float:
    """Microseconds from the call to the first text."""
    assert contender.stream
    start, found = time.perf_counter(), 0.0
    for item in contender.stream(model, prompt):
        if not found and contender.text(item):
            found = time.perf_counter() - start
    return found * 1e6


async def afirst(contender: Contender, model: Any, prompt: Any) -> float:
    """The same, async."""
    assert contender.astream
    start, found = time.perf_counter(), 0.0
    async for item in await opened(contender.astream(model, prompt)):
        if not found and contender.text(item):
            found = time.perf_counter() - start
    return found * 1e6


def first_token(name: str, url: str, *, samples: int, is_async: bool) -> Result:
    """Median time to the first text over a warm connection."""
    contender = CONTENDERS[name]
    model, prompt = contender.build(f"{url}/burst/1"), contender.prompt(1)
    if is_async:
        times = [run(afirst(contender, model, prompt)) for _ in range(samples + 10)]
    else:
        times = [first(contender, model, prompt) for _ in range(samples + 10)]
    return {"us": statistics.median(times[10:])}


async def in_flight(ask: Callable[[], Awaitable[Any]], total: int, width: int) -> list[float]:
    """Send `total` requests, `width` at a time; seconds of each."""
    left, times = iter(range(total)), []

    async def lane() -> None:
        for _ in left:
            start = time.perf_counter()
            await ask()
            times.append(time.perf_counter() - start)

    await asyncio.gather(*(lane() for _ in range(width)))
    return times


def requests(name: str, url: str, *, total: int, width: int, delay: int) -> Result:
    """Async non-streamed requests, `width` in flight."""
    contender = CONTENDERS[name]
    assert contender.aask
    aask, prompt = contender.aask, contender.prompt(1)
    model = contender.build(f"{url}/json/{delay}")
    run(in_flight(lambda: aask(model, prompt), width, width))
    watch = Stopwatch()
    times = run(in_flight(lambda: aask(model, prompt), total, width))
    return {**watch.per(total), **quantiles([t * 1000 for t in times])}


def quantiles(values: list[float]) -> Result:
    """Median, 99th percentile, and 200 points of the distribution."""
    ordered = sorted(values)
    at = [ordered[min(int(i / 200 * len(ordered)), len(ordered) - 1)] for i in range(201)]
    return {"p50": at[100], "p99": at[198], "curve": at}


def stamps(text: str, since: int) -> list[float]:
    """Milliseconds since each stamp in `text` that is younger than `since`."""
    now = time.monotonic_ns()
    sent = [int(text[i : i + STAMP_DIGITS]) for i in range(0, len(text), STAMP_DIGITS)]
    return [(now - at) / 1e6 for at in sent if at > since]


async def lateness(contender: Contender, model: Any, late: list[float], since: int) -> int:
    """Read one slow stream and note how late each event is."""
    assert contender.astream
    events = 0
    async for item in await opened(contender.astream(model, contender.prompt(1))):
        if text := contender.text(item):
            events += len(text) // STAMP_DIGITS
            late += stamps(text, since)
    return events


async def slow_streams(contender: Contender, model: Any, streams: int, seconds: float) -> Any:
    """Open the streams over half a second, and cut those that are not through in `seconds`."""
    late: list[float] = []
    since = time.monotonic_ns() + int(1.2e9)

    async def later(i: int) -> int:
        await asyncio.sleep(0.5 * i / streams)
        return await lateness(contender, model, late, since)

    tasks = [asyncio.create_task(later(i)) for i in range(streams)]
    _, pending = await asyncio.wait(tasks, timeout=seconds)
    for task in pending:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [r for r in results if isinstance(r, Exception)]
    return late, sum(r for r in results if isinstance(r, int)), len(pending), failed


def slow(name: str, url: str, *, streams: int, seconds: float, patience: float = 1.5) -> Result:
    """Many streams with an event every 20 ms: how late is an event, once all streams are open."""
    contender = CONTENDERS[name]
    run(adrain(contender, contender.build(f"{url}/burst/{WARM_EVENTS}"), contender.prompt(1)))
    model = contender.build(f"{url}/slow/{round(seconds * 50)}")
    before, watch = reset_peak(), Stopwatch()
    late, events, cut, failed = run(slow_streams(contender, model, streams, seconds + patience))
    if failed:
        raise failed[0]
    memory = {"kb_each": (peak_mb() - before) * 1024 / streams, "cut": cut}
    if cut or not late:
        return {"p50": 1e9, "p99": 1e9, **memory}
    return {**watch.per(max(events, 1)), **quantiles(late), **memory}


def build(name: str, url: str, *, count: int, of: int) -> Result:
    """Build models on distinct base URLs and call one; scaled from `count` to `of`.

    What a library imports with its first request is no part of it.
    """
    contender = CONTENDERS[name]
    assert contender.ask
    contender.ask(contender.build(f"{url}/json/0/warm"), contender.prompt(1))
    before, watch = reset_peak(), Stopwatch()
    models = [contender.build(f"{url}/json/0/{i}") for i in range(count)]
    contender.ask(models[-1], contender.prompt(1))
    took, held = watch.per(count), max(peak_mb() - before, RESOLUTION_MB)
    return {"ms": took["cpu"] * 1000 * of / count, "mb": held * of / count}


def history(name: str, url: str, *, messages: int, repeat: int) -> Result:
    """CPU of one non-streamed turn that sends a history of so many messages."""
    contender = CONTENDERS[name]
    assert contender.ask
    model, prompt = contender.build(f"{url}/json/0"), contender.prompt(messages)
    contender.ask(model, prompt)
    watch = Stopwatch()
    for _ in range(repeat):
        contender.ask(model, prompt)
    return watch.per(repeat)


def continued(name: str, url: str, *, messages: int, repeat: int) -> Result:
    """The same where the server holds the conversation: only the new message goes out."""
    contender = CONTENDERS[name]
    assert contender.ask
    model = contender.build(f"{url}/json/0", memory="server")
    said, new = contender.prompt(max(messages - repeat, 1)), contender.prompt(1)
    said += [contender.ask(model, said), *new]
    watch = Stopwatch()
    for _ in range(repeat):  # it grows by two a turn, so that its mean is `messages`
        said += [contender.ask(model, said), *new]
    return watch.per(repeat)
