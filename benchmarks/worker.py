"""A contender's own process: one JSON job a line on stdin, one JSON result a line on stdout."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks import profile_token, shared_sessions, stateful, tasks, threads, ways, without
from benchmarks.server import raise_file_limit

TASKS: dict[str, Callable[..., tasks.Result]] = {
    task.__name__: task
    for task in (
        tasks.stream,
        tasks.first_token,
        tasks.requests,
        tasks.slow,
        tasks.build,
        tasks.history,
        tasks.continued,
        stateful.store,
        stateful.sessions,
        stateful.agent,
        threads.thread,
        threads.graph,
        threads.tools,
        ways.encrypted,
        ways.proxied,
        ways.connections,
        shared_sessions.shared,
        profile_token.layers,
    )
}


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job; an error is a result too."""
    try:
        without.take_away(job["args"].pop("without", []))
        return TASKS[job["task"]](job["name"], job["url"], **job["args"])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Serve jobs until stdin closes; whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    raise_file_limit()
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
