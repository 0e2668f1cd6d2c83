"""How large a page of a list is asked for, and which page."""

from typing import Any

import httpx
import pytest

from remote_agents import ConfigurationError
from tests.resources.calls import Way
from tests.resources.served import served
from tests.resources.test_paging import by_link, things, with_total


@pytest.mark.parametrize("name", ["limit", "pageSize"])
async def test_maiagents_contacts_are_sized_by_either_word(way: Way, name: str) -> None:
    sizes = []

    def one(request: httpx.Request) -> Any:
        sizes.append(request.url.params.get(name))
        return {"count": 1, "next": None, "previous": None, "results": things(0, 1)}

    contacts = served("maiagent", one).contacts
    assert len(await way(contacts.list, page_size=3)) == 1
    assert len(await way(contacts.conversations, "c", page_size=3)) == 1
    assert sizes == ["3", "3"]


@pytest.mark.parametrize("size", [0, -1, 1001, 10**9, True, "20", 2.5])
async def test_a_page_size_out_of_range_is_refused(way: Way, size: Any) -> None:
    with pytest.raises(ConfigurationError, match="page_size must be from 1 to 1000"):
        await way(served("maiagent", by_link).conversations.list, page_size=size)


@pytest.mark.parametrize(("service", "most"), [("bluenexus", 100), ("private_ai", 999)])
async def test_a_service_with_a_limit_of_its_own_names_it(
    way: Way, service: str, most: int
) -> None:
    with pytest.raises(ConfigurationError, match=f"from 1 to {most}, not {most + 1}"):
        await way(served(service, with_total).agents.list, page_size=most + 1)


@pytest.mark.parametrize("page", [0, -2, "1", True, False])
@pytest.mark.parametrize("service", ["cloudbase", "maiagent"])
async def test_a_page_that_cannot_be_is_refused(way: Way, service: str, page: Any) -> None:
    days = {"start": "2024-01-01", "end": "2024-01-02"} if service == "maiagent" else {}
    with pytest.raises(ConfigurationError, match="page must be 1 or more"):
        await way(served(service, by_link).records.list, page=page, **days)
