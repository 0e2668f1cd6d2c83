"""Tasks about sessions and agents, which only some contenders have."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.memory import now_mb, peak_mb, reset_peak
from benchmarks.tasks import Result, Stopwatch, run


def turn(model: Any, session: str) -> None:
    """One turn of a session in LangChain."""
    model.invoke("hi", config={"configurable": {"session_id": session}})


def store(name: str, url: str, *, kind: str, turns: int) -> Result:
    """The cost of a turn without a session, with one in memory, with one in SQLite on disk."""
    with tempfile.TemporaryDirectory() as folder:
        model = CONTENDERS[name].build(f"{url}/json/0", **store_option(kind, Path(folder)))
        return timed_turns(model, turns, with_session=kind != "none")


def store_option(kind: str, folder: Path) -> dict[str, Any]:
    """The constructor's argument for one kind of store."""
    if kind != "sql":
        return {}
    from remote_agents import SQLSessionStore

    return {"session_store": SQLSessionStore(f"sqlite:///{folder / 'sessions.db'}")}


def timed_turns(model: Any, turns: int, *, with_session: bool) -> Result:
    """Ten dialogues in turn."""
    sessions = [f"s{i % 10}" for i in range(turns)]
    for session in sessions[:10]:
        turn(model, session) if with_session else model.invoke("hi")
    watch = Stopwatch()
    for session in sessions:
        turn(model, session) if with_session else model.invoke("hi")
    result = watch.per(turns)
    return {**result, "wall_us": result["wall"] / turns * 1e6}


def sessions(name: str, url: str, *, marks: list[int], seconds: float) -> Result:
    """CPU per turn and memory as sessions pile up, one turn each, until the time is up."""
    from remote_agents import InMemorySessionStore

    memory = InMemorySessionStore(max_size=2 * marks[-1])
    model = CONTENDERS[name].build(f"{url}/json/0", session_store=memory)
    turn(model, "warm")
    start, before, points, done = time.perf_counter(), reset_peak(), [], 0
    for mark in marks:
        watch, first = Stopwatch(), done
        while done < mark and time.perf_counter() - start < seconds:
            turn(model, f"s{done}")
            done += 1
        if done < mark:
            break
        points.append({"at": mark, "us": watch.per(mark - first)["us"], "mb": now_mb() - before})
    return {"points": points}


def agent(name: str, url: str, *, events: int, **options: Any) -> Result:
    """Peak memory of a LlamaIndex workflow whose answer comes in so many events."""
    llm = CONTENDERS[name].build(f"{url}/answer/{events}", **options)
    before = reset_peak()
    answer = run(run_agent(llm))
    if len(answer) != 9 * events:
        raise ValueError(f"the agent answered {len(answer)} letters")
    return {"mb": peak_mb() - before, "peak_mb": peak_mb()}


async def run_agent(llm: Any) -> str:
    """One run, as LlamaIndex's documentation shows it."""
    from benchmarks.agents import workflow_for

    result: Any = await workflow_for(llm).run(user_msg="hi")
    return str(result.response.content)
