"""The rows: what is compared, with whom, and the target."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scenarios import (
    CHAT,
    CHAT_TOOLS,
    LIKE,
    OURS_AGUI,
    OURS_LC,
    OURS_LI,
    OURS_V3,
    RAW,
    V3,
    Results,
)

HEADINGS = ("metric", "peer", "floor", "ours", "ratio", "target", "met")


@dataclass(frozen=True)
class Row:
    """One metric. `kind` says what the target means.

    cheaper: peer / ours is at least the target. above floor: the same, the floor taken off both. at
    most, at least: ours itself is no more, or no less, than the target. beside: ours is no more
    than the target times the peer.
    """

    title: str
    key: str
    of: str
    unit: str
    ours: str
    peer: str | None
    target: float | None
    kind: str = "cheaper"
    floor: str | None = RAW

    def value(self, results: Results, name: str | None) -> float | None:
        return results.median(self.key, name, self.of)

    def ratio(self, results: Results) -> float | None:
        """How many times better than the peer."""
        ours, peer = self.value(results, self.ours), self.value(results, self.peer)
        if not ours or not peer:
            return None
        if self.kind == "at least":
            return ours / peer
        if self.kind == "above floor":
            floor = self.value(results, self.floor) or 0.0
            return (peer - floor) / (ours - floor)
        return peer / ours

    def met(self, results: Results) -> bool | None:
        """Whether the target is reached; None where there is no number or no target."""
        ours, ratio = self.value(results, self.ours), self.ratio(results)
        if self.target is None or ours is None:
            return None
        if self.kind == "at most":
            return ours <= self.target
        if self.kind == "at least":
            return ours >= self.target
        if ratio is None:
            return None
        return ratio >= self.target if self.kind != "beside" else 1 / ratio <= self.target

    def goal(self) -> str:
        if self.target is None:
            return ""
        if self.kind in {"at most", "at least"}:
            sign = "<=" if self.kind == "at most" else ">="
            return f"{sign} {number(self.target)} {self.unit}".strip()
        if self.kind == "beside":
            return f"<= {self.target:g} x peer"
        return f">= {self.target:g}x"

    def cells(self, results: Results) -> tuple[str, ...]:
        """The row as text, in the order of `HEADINGS`."""
        ratio, met = self.ratio(results), self.met(results)
        return (
            self.title,
            self.cell(results, self.peer),
            self.cell(results, self.floor),
            self.cell(results, self.ours),
            f"{ratio:.3g}x" if ratio else "",
            self.goal(),
            {True: "yes", False: "NO", None: "n/a" if self.target is not None else ""}[met],
        )

    def cell(self, results: Results, name: str | None) -> str:
        """A median with its spread."""
        value = self.value(results, name)
        if name is None or value is None:
            return "n/a" if name and name != RAW else ""
        values = results.values(self.key, name, self.of)
        spread = (max(values) - min(values)) / 2 / value * 100 if value and len(values) > 1 else 0
        return f"{number(value)} {self.unit}" + (f" ±{spread:.0f}%" if spread >= 1 else "")


def number(value: float) -> str:
    """Three digits, whole from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


PER = "us/event"
ROWS = (
    Row("LangChain stream, burst", "burst sync", "us", PER, OURS_LC, CHAT, 20),
    Row("LangChain astream, burst", "burst async", "us", PER, OURS_LC, CHAT, 20),
    Row("LangChain stream_events v3", "burst sync", "us", PER, OURS_V3, V3, 20),
    Row("LangChain astream_events v3", "burst async", "us", PER, OURS_V3, V3, 20),
    Row("LlamaIndex stream_chat, burst", "burst sync", "us", PER, OURS_LI, LIKE, 20),
    Row("LlamaIndex astream_chat, burst", "burst async", "us", PER, OURS_LI, LIKE, 20),
    Row("LangChain astream, paced", "paced async", "us", PER, OURS_LC, CHAT, 3.5),
    Row("LlamaIndex astream_chat, paced", "paced async", "us", PER, OURS_LI, LIKE, 3.5),
    Row("LangChain ainvoke, 32 in flight", "requests 32", "us", "us/req", OURS_LC, CHAT, 10),
    Row("LlamaIndex achat, 32 in flight", "requests 32", "us", "us/req", OURS_LI, LIKE, 10),
    Row(
        "slow streams a core, LangChain", "capacity", "streams", "", OURS_LC, CHAT, 500, "at least"
    ),
    Row(
        "slow streams a core, LlamaIndex", "capacity", "streams", "", OURS_LI, LIKE, 500, "at least"
    ),
    Row("first token, sync, over raw", "first sync", "us", "us", OURS_LC, CHAT, 5, "above floor"),
    Row("first token, async, over raw", "first async", "us", "us", OURS_LC, CHAT, 5, "above floor"),
    Row("1,000 models, 1,000 URLs: time", "build", "ms", "ms", OURS_LC, CHAT, 500, floor=None),
    Row("1,000 models, 1,000 URLs: memory", "build", "mb", "MB", OURS_LC, CHAT, 500, floor=None),
    Row(
        "import above langchain-core",
        "import",
        "ms",
        "ms",
        OURS_LC,
        CHAT,
        15,
        "at most",
        "langchain_core",
    ),
    Row(
        "import above llama-index-core",
        "import",
        "ms",
        "ms",
        OURS_LI,
        LIKE,
        15,
        "at most",
        "llama_index.core",
    ),
    Row(
        "import remote_agents; peer: httpx, pydantic",
        "import",
        "ms",
        "ms",
        "remote_agents",
        "httpx, pydantic",
        1.25,
        "beside",
        None,
    ),
    Row("LangChain, thread of 200 turns", "thread 200", "us", "us/turn", OURS_LC, CHAT, None),
    Row("the same, memory", "thread 200", "mb", "MB", OURS_LC, CHAT, None),
    Row("LangGraph, three nodes", "graph", "us", "us/run", OURS_LC, CHAT, None),
    Row("AG-UI stream with tools", "tools sync", "us", PER, OURS_AGUI, CHAT_TOOLS, None),
    Row("the same, async", "tools async", "us", PER, OURS_AGUI, CHAT_TOOLS, None),
    Row("TLS, first turn", "tls", "first", "ms", OURS_LC, CHAT, None),
    Row("TLS, connection used again", "tls", "reused", "ms", OURS_LC, CHAT, None),
    Row("a turn through a proxy", "proxy", "us", "us", OURS_LC, CHAT, None),
    Row("10,000 sessions in PostgreSQL", "shared", "per_second", "turns/s", OURS_LC, None, None),
    Row("the same, 99th percentile", "shared", "p99", "ms", OURS_LC, None, None),
    Row("LlamaIndex, memory of a long stream", "long", "mb", "MB", OURS_LI, LIKE, 5, "at most"),
    Row("LangChain, memory of a long stream", "long", "mb", "MB", OURS_LC, CHAT, None),
    Row("agent on a 90 kB answer, peak", "agent", "peak_mb", "MB", OURS_LI, LIKE, 200, "at most"),
    Row("the same, no deltas joined", "apart", "peak_mb", "MB", OURS_LI, None, 200, "at most"),
    Row("a stream of 1,000, LangChain", "crowd", "kb_each", "KB", OURS_LC, CHAT, 64, "at most"),
    Row("a stream of 1,000, LlamaIndex", "crowd", "kb_each", "KB", OURS_LI, LIKE, 64, "at most"),
    Row("planning, history of 5,000", "planning", "ms", "ms", OURS_LC, None, 10, "at most", None),
    Row("a turn with the store in memory", "store memory", "us", "us", OURS_LC, None, None),
    Row("a turn with SQLite on disk", "store sql", "us", "us", OURS_LC, None, None),
    Row("a turn without a session", "store none", "us", "us", OURS_LC, None, None),
    Row("SQLite above no session", "sqlite", "us", "us", OURS_LC, None, 250, "at most", None),
)


def table(results: Results) -> list[tuple[str, ...]]:
    """All rows as text, headings first."""
    return [HEADINGS, *(row.cells(results) for row in ROWS)]


def plain(rows: list[tuple[str, ...]]) -> str:
    """Columns for a terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: list[tuple[str, ...]]) -> str:
    """The same for a page."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
