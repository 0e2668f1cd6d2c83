"""What each private name of another package buys: its row with it, and without."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import Workers
from benchmarks.report import PAGE, put
from benchmarks.scenarios import OURS_LC, QUICK
from benchmarks.table import markdown, number

START, END = "<!-- without:start -->", "<!-- without:end -->"
ROUNDS = 1 if QUICK else 3
EVENTS = 4_000 if QUICK else 10_000


@dataclass(frozen=True)
class Bought:
    """Some names that serve one purpose, and the task that shows it."""

    names: tuple[str, ...]
    what: str
    task: str
    args: dict[str, Any]
    of: str = "us"
    unit: str = "us"


BURST = {"mode": "burst", "events": EVENTS}
PROTOCOL = ("FACTORY", "BODY", "TAKE")
CHUNKS = ("NORMALIZE", "SHOULD_STREAM")
ROWS = (
    Bought(
        CHUNKS,
        "stream with coalesce=False, an event",
        "stream",
        {**BURST, "is_async": False, "coalesce": False},
    ),
    Bought(
        CHUNKS,
        "the same, memory of 10,000 events",
        "stream",
        {**BURST, "is_async": False, "coalesce": False},
        "mb",
        "MB",
    ),
    Bought(PROTOCOL, "astream in a burst, an event", "stream", {**BURST, "is_async": True}),
    Bought(
        PROTOCOL,
        "astream paced, an event",
        "stream",
        {"mode": "paced", "events": 500, "is_async": True},
    ),
    Bought(
        PROTOCOL,
        "32 in flight, a request",
        "requests",
        {"total": 320, "width": 32, "delay": 20},
    ),
    Bought(
        ("TLS", "TLS_BUFFER", "TLS_VIEW"),
        "memory of one of 100 connections under TLS",
        "connections",
        {"count": 100},
        "kb_each",
        "KB",
    ),
    Bought(
        ("_check_profile_keys",),
        "building 1,000 models",
        "build",
        {"count": 1000, "of": 1000},
        "ms",
        "ms",
    ),
)
RIGHT = (
    ("POOL_LOCK, LOCK_OF_LOCK", "a garbage collection in a pool does not wait for itself"),
    ("TRANSPORT_FOR", "what fails in a client of one's own before it left may be repeated"),
    ("MESSAGE, MUST_CANCEL, WAITS_FOR", "Python 3.10: a cancellation is none of our deadlines"),
    ("CLOSE", "no warning of aiohttp's where a loop is gone"),
    ("_convert_cached_generations", "a cached answer has no usage that nobody told"),
    ("_agenerate_with_cache", "callbacks hear of a cancelled call"),
)


def take_away(names: list[str]) -> None:
    """Let the library in this process find none of these names."""
    if not names:
        return  # an import would count in what LlamaIndex's contenders hold
    from langchain_agents import _seams as of_langchain
    from remote_agents.http import _seams as of_http

    for name in names:
        if name.startswith("_"):
            delattr(of_langchain.Overrides, name)
        else:
            setattr(of_http if hasattr(of_http, name) else of_langchain, name, "_gone")


def median(workers: Workers, row: Bought, secure: dict[str, str], *, without: bool) -> float:
    """One row, in processes of its own."""
    found = []
    for _ in range(ROUNDS):
        args = {**row.args, **(secure if row.task == "connections" else {})}
        if without:
            args["without"] = list(row.names)
        result = workers.call(OURS_LC, row.task, fresh=True, **args)
        if "error" in result:
            raise RuntimeError(f"{row.what}: {result['error']}")
        found.append(float(result[row.of]))
    return statistics.median(found)


def measure(workers: Workers, secure: dict[str, str]) -> list[tuple[str, ...]]:
    """The table of what each buys."""
    rows: list[tuple[str, ...]] = [("names", "what", "with", "without", "buys")]
    for row in ROWS:
        with_it = median(workers, row, secure, without=False)
        without = median(workers, row, secure, without=True)
        cells = [f"{number(value)} {row.unit}" for value in (with_it, without)]
        rows.append((", ".join(row.names), row.what, *cells, f"{without / with_it - 1:.0%}"))
    return [*rows, *((names, what, "", "", "what is right") for names, what in RIGHT)]


def write(rows: list[tuple[str, ...]]) -> None:
    """Put the table on the page."""
    put(PAGE, START, END, markdown(rows))
