"""Hosted agents as LlamaIndex LLMs, engines, retrievers, readers and workflow agents.

    from llamaindex_agents import BlueNexus
    llm = BlueNexus()                         # key from BLUENEXUS_API_KEY
    print(llm.complete("What meetings do I have today?"))

Nothing is imported until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import lazy
from remote_agents.extras import require

require("llamaindex_agents", "llamaindex", "llama_index.core")

_HOMES = {
    "llamaindex_agents.base": ("RemoteAgent",),
    "llamaindex_agents.chat_engine": ("AgentChatEngine",),
    "llamaindex_agents.chat_store": ("RemoteChatStore",),
    "llamaindex_agents.human_in_the_loop": ("AgentAsksPerson", "AskPerson"),
    "llamaindex_agents.llms": (
        "AGUI",
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
    "remote_agents.memory.sessions": ("session",),
}

if TYPE_CHECKING:
    from llamaindex_agents.base import RemoteAgent as RemoteAgent
    from llamaindex_agents.chat_engine import AgentChatEngine as AgentChatEngine
    from llamaindex_agents.chat_store import RemoteChatStore as RemoteChatStore
    from llamaindex_agents.human_in_the_loop import (
        AgentAsksPerson as AgentAsksPerson,
        AskPerson as AskPerson,
    )
    from llamaindex_agents.llms import (
        AGUI as AGUI,
        BlueNexus as BlueNexus,
        CloudBase as CloudBase,
        CloudBaseOpenAI as CloudBaseOpenAI,
        MaiAgent as MaiAgent,
        PrivateAI as PrivateAI,
    )
    from llamaindex_agents.query_engine import AgentQueryEngine as AgentQueryEngine
    from llamaindex_agents.readers import AgentRecordsReader as AgentRecordsReader
    from llamaindex_agents.retrievers import AgentRetriever as AgentRetriever
    from llamaindex_agents.workflow import RemoteWorkflowAgent as RemoteWorkflowAgent
    from remote_agents.memory.sessions import session as session

__all__, __getattr__, __dir__ = lazy(__name__, _HOMES)
