"""An agent that speaks AG-UI as a text model."""

from __future__ import annotations

from langchain_agents._llm import AgentLLM
from remote_agents.services.ag_ui import AGUISettings


class AGUILLM(AGUISettings, AgentLLM):
    """An agent that speaks AG-UI as a text model.

    Takes the arguments of `ChatAGUI`.

    Example:
        >>> AGUILLM().invoke("How many vacation days do I get?")  # doctest: +SKIP
        'Full-time employees receive 25 vacation days per calendar year.'
    """
