"""What a change costs: the code of another folder and this one's, measured in turns.

`make bench ARGS="--against ../before"`, where `../before` is a work tree of an earlier commit.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks import scenarios
from benchmarks.processes import ROOT, Workers
from benchmarks.scenarios import CORE, OURS, OURS_V3, QUICK, RAW, Scenario
from benchmarks.table import number

HEADINGS = ("what", "whose", "before", "now", "before / now")
ROUNDS = 2 if QUICK else 7
MEASURED = (*OURS, OURS_V3, RAW, CORE)  # the last two tell how equal equals are
SLOW = Scenario("400 slow streams", "slow", {"streams": 400, "seconds": 2}, (RAW, *OURS))


def compare(url: str, other: Path) -> Iterator[tuple[str, ...]]:
    """A row for each timing of ours: microseconds of both, and how many times cheaper it is now."""
    sides = [Workers(url, root) for root in (other, ROOT)]
    try:
        for scenario in [*scenarios.timings(), SLOW]:
            for name in filter(MEASURED.__contains__, scenario.names):
                yield (scenario.key, name, *_cells(_medians(sides, scenario, name)))
    finally:
        for side in sides:
            side.close()


def _medians(sides: list[Workers], scenario: Scenario, name: str) -> list[float]:
    """The median of each side, which take turns; nothing where one cannot do this."""
    found: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for values, side in zip(found, sides, strict=True):
            result = side.call(name, scenario.task, limit=scenario.limit, **scenario.args)
            values += [result["us"]] if "us" in result else []
    return [statistics.median(values) for values in found] if all(found) else []


def _cells(medians: list[float]) -> list[str]:
    if not medians:
        return ["n/a"] * 3
    before, now = medians
    return [f"{number(before)} us", f"{number(now)} us", f"{before / now:.2f}"]
