"""What is measured, for whom, and how often."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass, field
from typing import Any

from benchmarks import shared_sessions
from benchmarks.import_time import IMPORTS, import_ms
from benchmarks.processes import Result, Workers

QUICK = os.environ.get("BENCH") == "quick"
RAW, SDK = "raw socket", "openai SDK"
CHAT, V3, LIKE = "ChatOpenAI", "ChatOpenAI v3", "OpenAILike"
PLAIN, OURS_LC, OURS_V3 = "remote_agents.BlueNexus", "ChatBlueNexus", "ChatBlueNexus v3"
OURS_LI, CORE = "llamaindex BlueNexus", "langchain-core alone"
CHAT_TOOLS, OURS_AGUI = "ChatOpenAI, tools", "ChatAGUI"
TOOLS = (CHAT_TOOLS, OURS_AGUI)
OURS = (OURS_LC, OURS_LI)
CLOUDBASE = ("ChatCloudBaseOpenAI", "llamaindex CloudBaseOpenAI")
COMPARED = (RAW, CHAT, V3, LIKE, OURS_LC, OURS_V3, OURS_LI)
EVERYONE = COMPARED if QUICK else (*COMPARED, "httpx", SDK, PLAIN, *CLOUDBASE)
MODELS = (RAW, CHAT, LIKE, OURS_LC, OURS_LI)
ROUNDS = 2 if QUICK else 3
BURST = 4_000 if QUICK else 10_000
LADDER = (
    20,
    30,
    40,
    50,
    60,
    75,
    90,
    110,
    130,
    160,
    190,
    220,
    260,
    300,
    340,
    400,
    460,
    520,
    600,
    700,
)
RUNGS = (30, 40, 60, 90, 160, 240, 360) if QUICK else LADDER


@dataclass(frozen=True)
class Scenario:
    """One task with its arguments, for several contenders, some rounds, interleaved."""

    key: str
    task: str
    args: dict[str, Any]
    names: tuple[str, ...]
    rounds: int = ROUNDS
    fresh: bool = False
    limit: float = 60


@dataclass
class Results:
    """All rounds of all scenarios."""

    cells: dict[str, dict[str, list[Result]]] = field(default_factory=dict)

    def add(self, key: str, name: str, result: Result) -> None:
        self.cells.setdefault(key, {}).setdefault(name, []).append(result)

    def values(self, key: str, name: str | None, of: str) -> list[float]:
        """One number of every round that worked."""
        rounds = self.cells.get(key, {}).get(name or "", [])
        return [r[of] for r in rounds if of in r]

    def median(self, key: str, name: str | None, of: str) -> float | None:
        values = self.values(key, name, of)
        return statistics.median(values) if values else None

    def error(self, key: str, name: str) -> str | None:
        """Why there is no number."""
        rounds = self.cells.get(key, {}).get(name, [])
        return next((r["error"] for r in rounds if "error" in r), None)


def streams(
    key: str, mode: str, events: int, names: tuple[str, ...], rounds: int
) -> list[Scenario]:
    """The same stream read sync and async."""
    return [
        Scenario(
            f"{key} {'async' if is_async else 'sync'}",
            "stream",
            {"mode": mode, "events": events, "is_async": is_async},
            names,
            rounds,
        )
        for is_async in (False, True)
    ]


def timings() -> list[Scenario]:
    """What the table's ratios are made of."""
    _, paced = streams("paced", "paced", 500 if QUICK else 1_000, MODELS, min(ROUNDS, 3))
    token = {"samples": 60 if QUICK else 120}
    total = {"total": 160 if QUICK else 640, "width": 32, "delay": 20}
    turns = {"turns": 100 if QUICK else 400}
    kinds = ("none", "memory", "sql")
    return [
        *streams("burst", "burst", BURST, EVERYONE, ROUNDS),
        paced,
        Scenario("first sync", "first_token", {**token, "is_async": False}, MODELS),
        Scenario("first async", "first_token", {**token, "is_async": True}, MODELS),
        Scenario("requests 32", "requests", total, MODELS, min(ROUNDS, 3)),
        *(
            Scenario(f"store {k}", "store", {**turns, "kind": k}, (OURS_LC,), min(ROUNDS, 3))
            for k in kinds
        ),
    ]


def applications() -> list[Scenario]:
    """A long thread, a graph, and a stream that calls tools."""
    both, runs = (CHAT, OURS_LC), {"runs": 60 if QUICK else 200}
    turns = {"turns": 200, "repeat": 10 if QUICK else 40}
    calls = {"events": BURST}
    return [
        Scenario("thread 200", "thread", turns, both, 1 if QUICK else ROUNDS, True),
        Scenario("graph", "graph", runs, both),
        *(
            Scenario(f"tools {kind}", "tools", {**calls, "is_async": kind == "async"}, TOOLS)
            for kind in ("sync", "async")
        ),
    ]


def ways(secure: str, ca: str) -> list[Scenario]:
    """TLS and a proxy."""
    tls = {"secure": secure, "ca": ca, "samples": 10 if QUICK else 30}
    turns = {"turns": 100 if QUICK else 400}
    both = (CHAT, OURS_LC)
    return [Scenario("tls", "encrypted", tls, both), Scenario("proxy", "proxied", turns, both)]


def fresh_ones() -> list[Scenario]:
    """What needs a process of its own each time."""
    few = {"count": 10 if QUICK else 40, "of": 1000}
    long = {"mode": "burst", "events": 10_000 if QUICK else 50_000, "is_async": False}
    answer = {"events": 10_000}
    crowd = {"streams": 200 if QUICK else 1000, "seconds": 2 if QUICK else 4, "patience": 40}
    return [
        Scenario("build", "build", few, (CHAT,), 1, True),
        Scenario("build", "build", {"count": 1000, "of": 1000}, OURS, 1, True),
        Scenario("long", "stream", long, (LIKE, OURS_LI) if QUICK else MODELS, 1, True),
        Scenario("agent", "agent", answer, (OURS_LI,) if QUICK else (LIKE, OURS_LI), 1, True, 90),
        Scenario("apart", "agent", {**answer, "coalesce": False}, (OURS_LI,), 1, True, 90),
        Scenario("crowd", "slow", crowd, (OURS_LC,) if QUICK else (RAW, *OURS), 1, True, 90),
        Scenario("crowd", "slow", {**crowd, "streams": 50}, () if QUICK else (CHAT, LIKE), 1, True),
    ]


def growth() -> list[Scenario]:
    """What the plots show. One run a point."""
    if QUICK:
        return by_history()
    return [*by_length(), *by_history(), *by_width(), *by_sessions(), *late()]


def by_length() -> list[Scenario]:
    return [
        Scenario(
            f"length {n}",
            "stream",
            {"mode": "burst", "events": n, "is_async": False},
            (RAW, *OURS) if n > 20_000 else MODELS,
            1,
            True,
        )
        for n in (1_000, 5_000, 20_000, 100_000)
    ]


def by_history() -> list[Scenario]:
    lengths = (1, 5_000) if QUICK else (1, 10, 100, 1_000, 5_000)
    whole = (OURS_LC,) if QUICK else (CHAT, OURS_LC, OURS_LI)
    return [
        Scenario(f"{task} {n}", task, {"messages": n, "repeat": repeat}, names, 1)
        for n in lengths
        for task, names, repeat in (
            ("history", whole, 5 if n > 999 else 20),
            ("history", (CORE,), 40),
            ("continued", (OURS_LC,), 40),
        )
    ]


def by_width() -> list[Scenario]:
    return [
        Scenario(
            f"width {n}",
            "requests",
            {"total": min(max(50, 4 * n), 1024), "width": n, "delay": 20},
            (RAW, CHAT, *OURS),
            1,
        )
        for n in (1, 8, 32, 128, 512)
    ]


def by_sessions() -> list[Scenario]:
    args = {"marks": [1, 10, 100, 1_000, 10_000, 100_000], "seconds": 30}
    return [Scenario("sessions", "sessions", args, (OURS_LC,), 1, True, 120)]


def late() -> list[Scenario]:
    return [Scenario("late", "slow", {"streams": 40, "seconds": 3}, MODELS, 1)]


def run(workers: Workers, scenario: Scenario, results: Results) -> None:
    """All rounds of one scenario, a contender after the other in each."""
    for _ in range(scenario.rounds):
        for name in scenario.names:
            result = workers.call(
                name, scenario.task, fresh=scenario.fresh, limit=scenario.limit, **scenario.args
            )
            results.add(scenario.key, name, result)


def capacity(workers: Workers, name: str) -> Result:
    """The highest rung whose 99th percentile is under 50 ms late, found by halving."""
    low, high, result = -1, len(RUNGS), Result()
    while high - low > 1:
        middle = (low + high) // 2
        result = workers.call(name, "slow", streams=RUNGS[middle], seconds=2, limit=30)
        if result.get("p99", 1e9) < 50:
            low = middle
        else:
            high = middle
    if low < 0:
        return {"error": result.get("error", f"not even {RUNGS[0]} streams")}
    return {"streams": RUNGS[low]}


def run_capacity(workers: Workers, results: Results) -> None:
    """How many slow streams each carries."""
    for name in (CHAT, OURS_LC) if QUICK else MODELS:
        results.add("capacity", name, capacity(workers, name))


def run_shared(url: str, results: Results) -> None:
    """Sessions in PostgreSQL over four processes."""
    results.add(
        "shared", OURS_LC, shared_sessions.measure(url, OURS_LC, 1_000 if QUICK else 10_000)
    )


def derive_sqlite(results: Results) -> None:
    """What a session in SQLite adds to a turn, round by round."""
    with_it, without = (results.values(f"store {kind}", OURS_LC, "us") for kind in ("sql", "none"))
    for one, other in zip(with_it, without, strict=False):
        results.add("sqlite", OURS_LC, {"us": one - other})


def derive_planning(results: Results) -> None:
    """What 5,000 messages add to a turn of a known conversation, above langchain-core itself."""

    def added(task: str, name: str) -> float:
        many, one = (results.median(f"{task} {n}", name, "us") for n in (5_000, 1))
        return many - one if many and one else float("nan")

    extra = added("continued", OURS_LC) - added("history", CORE)
    if extra == extra:
        results.add("planning", OURS_LC, {"ms": max(extra, 0) / 1000})


def run_imports(results: Results) -> None:
    """Imports, interleaved, each in a fresh process; the first round only writes bytecode."""
    for warm in (False, True) if QUICK else (False, True, True, True):
        for name in IMPORTS:
            result = import_result(name)
            if warm:
                results.add("import", name, result)


def import_result(name: str) -> Result:
    """One import; a contender may be missing."""
    try:
        return {"ms": import_ms(name)}
    except RuntimeError as error:
        return {"error": str(error)}
