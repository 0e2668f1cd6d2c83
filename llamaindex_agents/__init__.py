"""Hosted agents as LlamaIndex LLMs, engines, retrievers, readers and workflow agents.

    from llamaindex_agents import BlueNexus
    llm = BlueNexus()                         # key from BLUENEXUS_API_KEY
    print(llm.complete("What meetings do I have today?"))

Nothing is imported until it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "llamaindex_agents.base": ("RemoteAgent",),
    "llamaindex_agents.chat_engine": ("AgentChatEngine",),
    "llamaindex_agents.chat_store": ("AsyncRemoteChatStore", "RemoteChatStore"),
    "llamaindex_agents.llms": (
        "BlueNexus",
        "CloudBase",
        "CloudBaseOpenAI",
        "MaiAgent",
        "PrivateAI",
    ),
    "llamaindex_agents.query_engine": ("AgentQueryEngine",),
    "llamaindex_agents.readers": ("AgentRecordsReader",),
    "llamaindex_agents.retrievers": ("AgentRetriever",),
    "llamaindex_agents.workflow": ("RemoteWorkflowAgent",),
    "remote_agents.sessions": ("session",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if TYPE_CHECKING:
    from llamaindex_agents.base import RemoteAgent
    from llamaindex_agents.chat_engine import AgentChatEngine
    from llamaindex_agents.chat_store import AsyncRemoteChatStore, RemoteChatStore
    from llamaindex_agents.llms import (
        BlueNexus,
        CloudBase,
        CloudBaseOpenAI,
        MaiAgent,
        PrivateAI,
    )
    from llamaindex_agents.query_engine import AgentQueryEngine
    from llamaindex_agents.readers import AgentRecordsReader
    from llamaindex_agents.retrievers import AgentRetriever
    from llamaindex_agents.workflow import RemoteWorkflowAgent
    from remote_agents.sessions import session

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'llamaindex_agents' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
