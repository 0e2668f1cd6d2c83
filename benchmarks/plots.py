"""The plots of the performance page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.scenarios import CHAT, CORE, LIKE, OURS_LC, OURS_LI, RAW, Results

COLORS = {
    RAW: "#888888",
    CORE: "#bbbbbb",
    CHAT: "#d9822b",
    LIKE: "#c0504d",
    OURS_LC: "#1f77b4",
    OURS_LI: "#2ca02c",
}
Point = tuple[float, float]


def points(results: Results, prefix: str, name: str, of: str) -> list[Point]:
    """The medians of all scenarios called `prefix N`, by N."""
    sizes = sorted(
        int(key.rpartition(" ")[2])
        for key in results.cells
        if key.rpartition(" ")[0] == prefix and key.rpartition(" ")[2].isdigit()
    )
    found = [(n, results.median(f"{prefix} {n}", name, of)) for n in sizes]
    return [(n, value) for n, value in found if value is not None]


def lines(axes: Axes, results: Results, prefix: str, of: str) -> None:
    """One line a contender, on logarithmic axes."""
    for name, color in COLORS.items():
        if line := points(results, prefix, name, of):
            axes.plot(*zip(*line, strict=True), "o-", color=color, label=name, markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")


def finish(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3, which="both", linewidth=0.5)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def pair() -> tuple[Figure, Sequence[Axes]]:
    """Two plots side by side."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    return figure, axes


def stream_length(results: Results) -> Figure:
    figure, (left, right) = pair()
    lines(left, results, "length", "us")
    finish(left, "CPU", "events in the stream", "us an event")
    lines(right, results, "length", "mb")
    finish(right, "Memory", "events in the stream", "MB added at peak")
    return figure


def history_length(results: Results) -> Figure:
    figure, (left, right) = pair()
    lines(left, results, "history", "us")
    finish(left, "The whole history is sent", "messages", "us a turn")
    lines(right, results, "continued", "us")
    finish(right, "The server holds the conversation", "messages in the prompt", "us a turn")
    return figure


def concurrency(results: Results) -> Figure:
    figure, (left, right) = pair()
    lines(left, results, "width", "us")
    finish(left, "CPU", "requests in flight", "us a request")
    lines(right, results, "width", "per_second")
    finish(right, "Throughput, an answer takes 20 ms", "requests in flight", "requests a second")
    return figure


def sessions(results: Results) -> Figure:
    figure, (left, right) = pair()
    found = results.cells.get("sessions", {}).get(OURS_LC, [])
    marks = [p for result in found for p in result.get("points", [])]
    for axes, of in ((left, "us"), (right, "mb")):
        axes.plot([p["at"] for p in marks], [p[of] for p in marks], "o-", color=COLORS[OURS_LC])
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
    finish(left, "CPU", "sessions in the store", "us a turn")
    finish(right, "Memory", "sessions in the store", "MB added")
    return figure


def latency(results: Results) -> Figure:
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, color in COLORS.items():
        rounds = results.cells.get("late", {}).get(name, [])
        for curve in [r["curve"] for r in rounds if "curve" in r]:
            axes.plot(curve, [i / 2 for i in range(len(curve))], color=color, label=name)
    axes.set_xscale("log")
    finish(axes, "40 streams, an event every 20 ms", "lateness of an event, ms", "% of events")
    return figure


FIGURES = {
    "stream-length": stream_length,
    "history-length": history_length,
    "concurrency": concurrency,
    "sessions": sessions,
    "latency": latency,
}


def draw(results: Results, folder: Path) -> None:
    """Write every figure as `bench-NAME.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in FIGURES.items():
        drawn = figure(results)
        drawn.savefig(folder / f"bench-{name}.png", dpi=110)
        plt.close(drawn)
