"""A Tencent CloudBase agent as a text model (native protocol)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._llm import AgentLLM
from remote_agents.services.cloudbase import CloudBaseSettings

if TYPE_CHECKING:
    import remote_agents as clients


class CloudBaseLLM(CloudBaseSettings, AgentLLM):
    """A Tencent CloudBase agent as a text model (native protocol).

    Takes the arguments of `ChatCloudBase`.

    Example:
        >>> CloudBaseLLM().invoke("How many vacation days do I get?")  # doctest: +SKIP
        'Full-time employees receive 25 vacation days per calendar year.'
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.CloudBase:
            """The plain client of the same agent, for the rest of the service's API."""
