"""`python -m benchmarks.bulk`: how a bulk run grows with its workers, drawn for docs/bulk.md.

Needs a Redis server on the path. Every worker is a process with its own `ask_many`, as a Ray actor
is; the agent takes half a second for an answer, and the account allows 40 requests a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import ROOT
from remote_agents import BlueNexus
from remote_agents.bulk.run import ask_many
from remote_agents.sandbox import Sandbox
from tests import databases

LATENCY, CONCURRENCY, LIMIT = 0.5, 4, 40
WARM_UP, SECONDS = 1, 6
WORKERS = (1, 2, 3, 4, 5, 6, 8)


def work(url: str, redis: str, path: str) -> None:
    """One worker; killed by its parent when the time is up."""
    client = BlueNexus(
        base_url=url,
        agent_id="agent-3f9c21",
        api_key="sandbox-bluenexus-key",
        rate_limit=f"{LIMIT}/second",
        rate_limit_storage=redis,
    )
    questions = (f"Say: answer {n}" for n in range(10**6))
    for _ in ask_many(client, questions, path=path, concurrency=CONCURRENCY, progress=False):
        pass


def throughput(box: Sandbox, redis: str, workers: int) -> float:
    """Answers a second, once every worker is at work."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.bulk", box.url, redis]
        paths = [Path(folder, f"{n}.jsonl") for n in range(workers)]
        running = [subprocess.Popen([*command, str(path)], cwd=ROOT) for path in paths]
        while not all(path.exists() and "answered" in path.read_text() for path in paths):
            time.sleep(0.1)
        time.sleep(WARM_UP + SECONDS)
        for process in running:
            process.kill()
            process.wait()
    ended = [entry["ended"] for entry in box.requests("bluenexus") if entry["status"] == 200]
    last = max(ended)
    return float(sum(moment > last - SECONDS for moment in ended) / SECONDS)


def main() -> None:
    """Measure, print, draw."""
    measured = []
    with databases.redis() as redis, Sandbox(rate_limit="none") as box:
        for workers in WORKERS:
            box.reset()
            box.slow_first_byte(LATENCY, endpoint="bluenexus", times=10**6)
            measured.append(throughput(box, redis, workers))
            print(f"{workers} workers: {measured[-1]:5.1f} answers a second", flush=True)
    draw(measured, ROOT / "docs" / "images" / "bulk.png")


def draw(measured: list[float], path: Path) -> None:
    """Measured points on the line of the cost model."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), dpi=120)
    model = [min(LIMIT, n * CONCURRENCY / LATENCY) for n in WORKERS]
    axes.plot(WORKERS, model, color="#999", label="min(limit, workers x concurrency / seconds)")
    axes.plot(WORKERS, measured, "o", color="#00897b", label="measured on the sandbox")
    axes.axhline(LIMIT, color="#c62828", linestyle=":", label=f"the account's {LIMIT} a second")
    axes.set(xlabel="workers", ylabel="answers a second", ylim=(0, LIMIT * 1.2))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(*sys.argv[1:])
    else:
        main()
