"""One way to use the sync and the async methods of the plain clients in the same test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from remote_agents.client import Client
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS

CLIENTS: dict[str, type[Client]] = {
    name: Client.kind_of(endpoint) for name, endpoint in ENDPOINTS.items()
}


def client_of(box: Sandbox, endpoint: str, **settings: Any) -> Any:
    return CLIENTS[endpoint](**{**box.kwargs(endpoint), **settings})


def film_in(folder: Path) -> Path:
    """A file of 5 GB, which takes no place as nothing is in it."""
    path = folder / "film.bin"
    with path.open("wb") as file:
        file.truncate(5 * 1024**3)
    return path


TOO_LARGE = r"film\.bin has 5368709120 bytes"


class Way:
    """Calls a method, or its twin with an `a` before its name; lists and streams become lists."""

    def __init__(self, name: str) -> None:
        self.name = name

    def twin(self, method: Any) -> Any:
        if self.name == "sync":
            return method
        return getattr(method.__self__, f"a{method.__name__.removeprefix('_')}")

    async def __call__(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        value = self.twin(method)(*args, **kwargs)
        if isinstance(value, AsyncIterator):
            return [item async for item in value]
        if isinstance(value, Iterator):
            return list(value)
        return value if self.name == "sync" else await value

    async def take(self, listing: Any, count: int) -> list[Any]:
        """Some items of a list that was begun."""
        if self.name == "sync":
            return [next(listing) for _ in range(count)]
        return [await listing.__anext__() for _ in range(count)]

    async def close(self, listing: Any) -> None:
        if self.name == "sync":
            listing.close()
        else:
            await listing.aclose()


async def list_agents(way: Way, client: Any, box: Sandbox) -> None:
    assert client.agent.agent_id in {one.id for one in await way(client.agents.list, page_size=1)}


async def get_agent(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.agents.get)
    assert (one.id, one.name) == (client.agent.agent_id, "Handbook")


async def create_conversation(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.conversations.create, "Vacation")
    assert one.id
    assert one.title == "Vacation"


async def list_conversations(way: Way, client: Any, box: Sandbox) -> None:
    ids = {(await way(client.conversations.create)).id for _ in range(3)}
    found = await way(client.conversations.list, page_size=2)
    assert ids <= {one.id for one in found}
