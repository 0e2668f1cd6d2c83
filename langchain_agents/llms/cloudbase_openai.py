"""A Tencent CloudBase agent as a text model (OpenAI protocol)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._llm import AgentLLM
from remote_agents.services.cloudbase_openai import CloudBaseOpenAISettings

if TYPE_CHECKING:
    import remote_agents as clients


class CloudBaseOpenAILLM(CloudBaseOpenAISettings, AgentLLM):
    """A Tencent CloudBase agent as a text model (OpenAI protocol).

    Takes the arguments of `ChatCloudBaseOpenAI`.

    Example:
        >>> CloudBaseOpenAILLM().invoke("How many vacation days do I get?")  # doctest: +SKIP
        'Full-time employees receive 25 vacation days per calendar year.'
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.CloudBaseOpenAI:
            """The plain client of the same agent, for the rest of the service's API."""
