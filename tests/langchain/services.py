"""The services as LangChain sees them: what tests are parametrised over."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.tracers import BaseTracer

import langchain_agents
from langchain_agents import ChatAgent
from remote_agents.testing.ways import NAMES

CHAT: dict[str, type[ChatAgent]] = {
    name: getattr(langchain_agents, f"Chat{kind}") for name, kind in NAMES.items()
}
LLMS: dict[str, Any] = {
    name: getattr(langchain_agents, f"{kind}LLM") for name, kind in NAMES.items()
}
KEEPING = [name for name, kind in CHAT.items() if kind.endpoint.keeps != "none"]
# An AG-UI thread drops what it knows, and so it is not in the sandbox's log of turns.
ONLY_NEW = [name for name in KEEPING if name == "ag_ui" or not CHAT[name].endpoint.context]
CITING = [name for name, kind in CHAT.items() if kind.endpoint.cites]
every_service = pytest.mark.parametrize("service", list(CHAT))
every_keeping = pytest.mark.parametrize("service", KEEPING)
QUESTION = "How many vacation days do I get?"
FOLLOW_UP = "And what about part-time staff?"


def chat(sandbox: Any, service: str, **settings: Any) -> ChatAgent:
    """A chat model of the service, at the sandbox."""
    return CHAT[service](**{**sandbox.kwargs(service), **settings})


def summed(chunks: list[Any]) -> Any:
    """A stream's chunks as one message."""
    first, *rest = chunks
    return first + rest


class Tracer(BaseTracer):
    """Keeps all that a tracer is given."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Any] = []

    def _persist_run(self, run: Any) -> None:
        self.runs.append(run)
