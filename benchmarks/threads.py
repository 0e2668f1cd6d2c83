"""Tasks of an application: a long thread, a graph of three nodes, an agent that calls tools."""

from __future__ import annotations

import itertools
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.memory import peak_mb, reset_peak
from benchmarks.tasks import WARM_EVENTS, Result, Stopwatch, check, read


def thread(name: str, url: str, *, turns: int, repeat: int) -> Result:
    """A turn of a thread that has `turns` of them behind it, its messages kept by the caller."""
    from langchain_core.messages import AnyMessage, HumanMessage

    model = CONTENDERS[name].build(f"{url}/json/0")
    messages: list[AnyMessage] = []

    def turn() -> None:
        messages.append(HumanMessage(f"And what about point {len(messages)}?"))
        messages.append(model.invoke(messages))

    for _ in range(turns):
        turn()
    before, watch = reset_peak(), Stopwatch()
    for _ in range(repeat):
        turn()
    return {**watch.per(repeat), "mb": peak_mb() - before}


def graph(name: str, url: str, *, runs: int) -> Result:
    """A run of a LangGraph graph whose three nodes ask one model."""
    from langgraph.graph import END, START, MessagesState, StateGraph

    model = CONTENDERS[name].build(f"{url}/json/0")

    def node(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    path = [START, "plan", "write", "check", END]
    for step in path[1:-1]:
        builder.add_node(step, node)
    for here, there in itertools.pairwise(path):
        builder.add_edge(here, there)
    compiled = builder.compile()
    ask: Any = {"messages": [("user", "hi")]}
    for _ in range(5):
        compiled.invoke(ask)
    watch = Stopwatch()
    for _ in range(runs):
        compiled.invoke(ask)
    return watch.per(runs)


def tools(name: str, url: str, *, events: int, is_async: bool) -> Result:
    """CPU per event of a stream that is half text and half the arguments of a tool's call."""
    contender = CONTENDERS[name]
    mode = "agui" if name == "ChatAGUI" else "calls"
    prompt = contender.prompt(1)
    read(contender, contender.build(f"{url}/{mode}/{WARM_EVENTS}"), prompt, is_async)
    model = contender.build(f"{url}/{mode}/{events}")
    watch = Stopwatch()
    check(read(contender, model, prompt, is_async), mode, events)
    return watch.per(events)
