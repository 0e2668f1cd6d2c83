"""VMware Private AI Service beside the chat: agents and models. Its sessions cannot be listed."""

from __future__ import annotations

from remote_agents.flow import Flow
from remote_agents.resources.items import AgentInfo, Model
from remote_agents.resources.methods import Resource, calls, lists
from remote_agents.resources.paging import Paging, pages
from remote_agents.resources.requests import get_item, path_segment
from remote_agents.services.private_ai.chat import ROOT

# All lists take `after`, `limit` ("exclusiveMaximum: 1000"), `offset` and `order`: "List Agents",
# developer.broadcom.com/xapis/vmware-private-ai-service-api/latest.
OFFSET = Paging("limit", (("offset", "count"), ("after", "last")), most=999)


class Agents(Resource):
    """The agents of the service."""

    def _list(
        self,
        *,
        order: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Flow[AgentInfo]:
        """The agents, lazily.

        Args:
            order: `asc` or `desc` by the time of creation.
            page_size: Agents on a page.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        path = f"{ROOT}/agents"
        return pages(
            self.agent, path, OFFSET, AgentInfo, page_size=page_size, cursor=cursor, order=order
        )

    def _get(self, agent_id: str | None = None) -> Flow[AgentInfo]:
        """One agent; by default the client's own."""
        return get_item(f"{ROOT}/agents/{path_segment(agent_id or self.agent.agent_id)}", AgentInfo)

    list, alist = lists(_list)
    get, aget = calls(_get)


class Models(Resource):
    """The models of the service."""

    def _list(self, *, cursor: str | None = None) -> Flow[Model]:
        """The models; the service gives them all at once."""
        return pages(self.agent, f"{ROOT}/models", Paging(), Model, cursor=cursor)

    list, alist = lists(_list)
