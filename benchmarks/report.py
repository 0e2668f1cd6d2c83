"""Results as JSON, and the generated part of the performance page."""

from __future__ import annotations

import json
import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.processes import ROOT, Result
from benchmarks.scenarios import CHAT, EVERYONE, OURS_LC, QUICK, RAW, Results
from benchmarks.table import markdown, number, table

START, END = "<!-- bench:start -->", "<!-- bench:end -->"
PAGE = ROOT / "docs" / "performance.md"
PACKAGES = (
    "langchain-core",
    "langchain-openai",
    "llama-index-core",
    "llama-index-llms-openai-like",
    "openai",
    "httpx",
    "httpcore",
    "httpx-aiohttp",
    "aiohttp",
    "pydantic",
)
METHOD = """\
One server process on loopback sends the same precomputed bytes to every contender (283 bytes an
event, one HTTP chunk each); every contender runs in a process of its own; rounds are
interleaved. Figures are medians of the rounds, with half the range beside them. CPU is the
contender's own process time. Trust the ratios: absolute numbers drift from run to run. The peer
of *1,000 models* is measured on 40 and scaled; the peer of *a stream of 1,000* has 50
streams open, the others 1,000. An overloaded client has no capacity: *slow streams a core* is
the most streams, an event every 20 ms each, whose 99th percentile is under 50 ms late.
*Planning* is what 5,000 messages add to a turn of a conversation that the server holds, above what
they add in langchain-core itself; at most 1,000 of them are compared. The *thread* is kept by the
caller, who gives all of it in every turn; ChatOpenAI sends it all, an agent that keeps the
conversation gets the new message. A stream *with tools* is half text and half the arguments of a
call, in OpenAI's protocol for the peer. A *first turn* over TLS opens the connection, in
milliseconds of the clock, as the one that uses it again. Of the *10,000 sessions* every
fourth is asked a second time by four processes, which share the cores with the server and with
PostgreSQL. The agent is one
member of an AgentWorkflow, FunctionAgent for the peer and RemoteWorkflowAgent for an LLM whose
tools are on the server, on a burst of 10,000 events, awaited without reading the workflow's own,
which is when they pile up. A stream's memory is what it adds at its peak. Memory is resident
memory, and less than 0.1 MB of it for 1,000 models counts as 0.1 MB. The floor of an import is the
framework's own, the
rest comes on top of it."""
PLOTS = {
    "stream-length": "Growth with the length of a stream.",
    "history-length": "Growth with the length of the history.",
    "sessions": "Growth with the number of sessions.",
    "concurrency": "Growth with the requests in flight.",
    "latency": "How late events of slow streams arrive.",
}


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} absent"


def machine() -> str:
    """Where and with what this was measured."""
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores. " + ", ".join(map(installed, PACKAGES)) + "."
    )


def bursts(results: Results) -> list[tuple[str, ...]]:
    """Every contender's CPU per event in a burst."""
    rows: list[tuple[str, ...]] = [("contender", "sync, us/event", "async, us/event")]
    for name in EVERYONE:
        cells = [results.median(f"burst {kind}", name, "us") for kind in ("sync", "async")]
        rows.append((name, *(number(c) if c else "n/a" for c in cells)))
    return rows


def stores(results: Results) -> str:
    """What remembering a conversation adds to a turn."""
    found = {
        kind: results.median(f"store {kind}", OURS_LC, "wall_us")
        for kind in ("none", "memory", "sql")
    }
    if not all(found.values()):
        return ""
    memory, sql = ((found[k] or 0) - (found["none"] or 0) for k in ("memory", "sql"))
    return (
        f"Remembering a session adds {number(memory)} us of wall time to a turn in memory, "
        f"{number(sql)} us in SQLite on disk."
    )


FELT = (
    ("The first token, above a raw socket's", "first async", "us", "ms", 1000, RAW),
    ("One more token of a stream in a burst", "burst async", "us", "us", 1, None),
    ("One more turn, on a connection that is open", "requests 32", "us", "ms", 1000, None),
    ("A turn of a thread of 200 turns", "thread 200", "us", "ms", 1000, None),
    ("Memory of an answer of 50,000 tokens", "long", "mb", "MB", 1, None),
    ("Users who read a slow stream in one process", "capacity", "streams", "", 1, None),
)


def felt(results: Results) -> list[tuple[str, ...]]:
    """What a user feels, beside the peer."""
    rows: list[tuple[str, ...]] = [("what a user feels", "ChatOpenAI", "ChatBlueNexus")]
    for title, key, of, unit, scale, floor in FELT:
        below = (results.median(key, floor, of) or 0.0) if floor else 0.0
        found = [results.median(key, name, of) for name in (CHAT, OURS_LC)]
        cells = [f"{number((v - below) / scale)} {unit}".strip() if v else "n/a" for v in found]
        rows.append((title, *cells))
    return rows


def errors(results: Results) -> list[str]:
    """One line a contender that failed somewhere, with its first error."""
    found: dict[str, str] = {}
    for key, cells in results.cells.items():
        for name in cells:
            if error := results.error(key, name):
                found.setdefault(f"{name}: {error}", key)
    return [f"{error} ({key})" for error, key in found.items()]


def save(results: Results) -> Path:
    """Everything measured, as JSON."""
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(timezone.utc)
    path = folder / f"{now:%Y%m%d-%H%M%S}{'-quick' if QUICK else ''}.json"
    data = {"at": now.isoformat(timespec="seconds"), "machine": machine(), "cells": results.cells}
    path.write_text(json.dumps(data))
    return path


def profiled(layers: Result) -> str:
    """The profile of one token as a section; nothing where there is none."""
    if len(layers.get("rows", [[]])[0]) < 2:
        return ""
    return (
        "## One token, from socket to callback\n\n"
        "A burst of 10,000 events with `coalesce=False`, so that every event pays for its own "
        "chunk.\n\n" + markdown(layers["rows"])
    )


def generated(results: Results, profile: str) -> str:
    """What stands between the markers."""
    images = "\n\n".join(f"![{text}](images/bench-{name}.png)" for name, text in PLOTS.items())
    parts = [
        markdown(felt(results)),
        machine(),
        "## Against the targets",
        markdown(table(results)),
        METHOD,
        stores(results),
        "## A burst, contender by contender",
        markdown(bursts(results)),
        profile,
        "## Growth",
        images,
    ]
    return "\n\n".join(part for part in parts if part)


def rewrite(results: Results, profile: str) -> None:
    """Replace the generated part of the page."""
    put(PAGE, START, END, generated(results, profile))


def put(page: Path, start: str, end: str, text: str) -> None:
    """Replace what stands between two markers of a page."""
    before, rest = page.read_text().split(start, 1)
    after = rest.split(end, 1)[1]
    page.write_text(f"{before}{start}\n\n{text}\n\n{end}{after}")
