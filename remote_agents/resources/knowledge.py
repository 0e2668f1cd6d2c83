"""Knowledge bases, as services list them."""

from __future__ import annotations

from typing import ClassVar

from remote_agents.flow import Flow
from remote_agents.resources import items
from remote_agents.resources.methods import Resource, calls, lists
from remote_agents.resources.paging import Paging, pages
from remote_agents.resources.requests import get_item, path_segment


class KnowledgeBase(items.Item):
    """A knowledge base of the account; a field that the service does not tell is empty."""

    id = items.text_field()
    name = items.text_field()
    description = items.text_field()
    created_at = items.time_field()
    updated_at = items.time_field()


class ListedKnowledgeBases(Resource):
    """The knowledge bases of a service, which says where they are.

    Attributes:
        root: The path of their list, without a slash at its end.
        slash: What follows each path.
        paging: How the list is paged.
    """

    root: ClassVar[str]
    slash: ClassVar[str] = ""
    paging: ClassVar[Paging]

    def path_of(self, *parts: str) -> str:
        """The path of something below the list; ids are quoted."""
        return "/".join([self.root, *map(path_segment, parts)]) + self.slash

    def _list(
        self, *, page_size: int | None = None, cursor: str | None = None
    ) -> Flow[KnowledgeBase]:
        """The knowledge bases, lazily.

        Args:
            page_size: Knowledge bases on a page.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        path = self.path_of()
        return pages(
            self.agent, path, self.paging, KnowledgeBase, page_size=page_size, cursor=cursor
        )

    def _get(self, knowledge_base_id: str) -> Flow[KnowledgeBase]:
        """One knowledge base; NotFoundError if there is none."""
        return get_item(self.path_of(knowledge_base_id), KnowledgeBase)

    list, alist = lists(_list)
    get, aget = calls(_get)
