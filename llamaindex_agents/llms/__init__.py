"""The hosted agents as LlamaIndex LLMs, a module a service; what they do is in `_llm.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import lazy

_HOMES = {
    "llamaindex_agents.llms.ag_ui": ("AGUI",),
    "llamaindex_agents.llms.bluenexus": ("BlueNexus",),
    "llamaindex_agents.llms.cloudbase": ("CloudBase",),
    "llamaindex_agents.llms.cloudbase_openai": ("CloudBaseOpenAI",),
    "llamaindex_agents.llms.maiagent": ("MaiAgent",),
    "llamaindex_agents.llms.private_ai": ("PrivateAI",),
}

if TYPE_CHECKING:
    from llamaindex_agents.llms.ag_ui import AGUI as AGUI
    from llamaindex_agents.llms.bluenexus import BlueNexus as BlueNexus
    from llamaindex_agents.llms.cloudbase import CloudBase as CloudBase
    from llamaindex_agents.llms.cloudbase_openai import CloudBaseOpenAI as CloudBaseOpenAI
    from llamaindex_agents.llms.maiagent import MaiAgent as MaiAgent
    from llamaindex_agents.llms.private_ai import PrivateAI as PrivateAI

__all__, __getattr__, __dir__ = lazy(__name__, _HOMES)
