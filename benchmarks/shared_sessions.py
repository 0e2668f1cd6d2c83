"""Many sessions in one PostgreSQL, asked by several processes at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.processes import Result as Results, Workers
from benchmarks.stateful import turn
from benchmarks.tasks import Result, quantiles

PROCESSES = 4
TIMED = 4  # of so many sessions one has a second turn


def shared(name: str, url: str, *, database: str, sessions: list[int]) -> Result:
    """One process's part: a first turn of each of its sessions, and a second of some, timed."""
    from remote_agents import SQLSessionStore

    store = SQLSessionStore(database)
    model = CONTENDERS[name].build(f"{url}/json/0", session_store=store)
    numbers = range(*sessions)
    for number in numbers:
        turn(model, f"s{number}")
    start, times = time.time(), []
    for number in numbers[::TIMED]:
        before = time.perf_counter()
        turn(model, f"s{number}")
        times.append((time.perf_counter() - before) * 1000)
    ended = time.time()
    store.close()
    return {"start": start, "ended": ended, "times": times}


def measure(url: str, name: str, count: int) -> Results:
    """Turns a second of all processes, and the 99th percentile of a turn in milliseconds."""
    from tests import databases

    try:
        with databases.postgres() as database:
            parts = in_processes(url, name, database, count // PROCESSES)
    except databases.Unavailable as error:
        return {"error": str(error)}
    if failed := [part["error"] for part in parts if "error" in part]:
        return {"error": failed[0]}
    took = max(p["ended"] for p in parts) - min(p["start"] for p in parts)
    times = [t for p in parts for t in p["times"]]
    return {"per_second": len(times) / took, **quantiles(times)}


def in_processes(url: str, name: str, database: str, each: int) -> list[Any]:
    """What each process measured, all at once."""

    def part(number: int) -> Any:
        workers = Workers(url)
        sessions = [number * each, (number + 1) * each]
        try:
            return workers.call(name, "shared", limit=120, database=database, sessions=sessions)
        finally:
            workers.close()

    with ThreadPoolExecutor(PROCESSES) as pool:
        return list(pool.map(part, range(PROCESSES)))
