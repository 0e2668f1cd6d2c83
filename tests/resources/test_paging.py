"""Lists: every shape of pages, where they stop, and where they go on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from remote_agents import ConfigurationError, StreamProtocolError
from remote_agents.resources.cursors import PagePosition, encode
from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way, client_of
from tests.resources.served import served

N = 7


def things(first: int = 0, last: int = N, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"t{n}", "name": f"Thing {n}", **more} for n in range(first, min(last, N))]


def number(request: httpx.Request, name: str, default: int) -> int:
    return int(request.url.params.get(name, default))


def by_link(request: httpx.Request) -> Any:
    at, size = number(request, "cursor", 0), number(request, "pageSize", 3)
    link = str(request.url.copy_set_param("cursor", at + size)) if at + size < N else None
    return {"next": link, "previous": None, "results": things(at, at + size)}


def by_relative_link(request: httpx.Request) -> Any:
    at = number(request, "cursor", 0)
    return {"next": f"?cursor={at + 3}" if at + 3 < N else None, "results": things(at, at + 3)}


def by_bare_cursor(request: httpx.Request) -> Any:
    at = number(request, "cursor", 0)
    return {"next": str(at + 3) if at + 3 < N else None, "results": things(at, at + 3)}


def by_page(request: httpx.Request) -> tuple[list[dict[str, Any]], int]:
    page = number(request, "page", 1)
    return things((page - 1) * 3, page * 3), page


def with_has_more(request: httpx.Request) -> Any:
    found, page = by_page(request)
    return {"data": found, "pagination": {"page": page, "limit": 3, "hasMore": page * 3 < N}}


def with_has_next(request: httpx.Request) -> Any:
    found, page = by_page(request)
    return {"data": found, "pagination": {"page": page, "pages": 3, "hasNext": page < 3}}


def with_pages(request: httpx.Request) -> Any:
    found, page = by_page(request)
    return {"data": found, "pagination": {"page": page, "pages": 3}}


def with_total(request: httpx.Request) -> Any:
    found, page = by_page(request)
    return {"data": found, "pagination": {"page": page, "limit": 3, "total": N}}


def bare_pages(request: httpx.Request) -> Any:
    return by_page(request)[0]


def bare_array(request: httpx.Request) -> Any:
    return things()


def by_offset(request: httpx.Request, name: str = "data", **more: Any) -> Any:
    at, size = number(request, "offset", 0), number(request, "limit", 3)
    return {name: things(at, at + size), "total": N, **more}


def conversation_list(request: httpx.Request) -> Any:
    return by_offset(request, "conversationList")


def own_word(request: httpx.Request) -> Any:
    found, page = by_page(request)
    return {"result": found, "pagination": {"page": page, "pages": 3}}


def template_offset(request: httpx.Request) -> Any:
    """Tencent's template takes `offset` for the number of the page, less one."""
    at, size = number(request, "offset", 0) * 3, number(request, "limit", 3)
    return {"data": things(at, at + size), "total": N}


def total_of_the_page(request: httpx.Request) -> Any:
    at, size = number(request, "offset", 0), number(request, "limit", 3)
    return {"data": things(at, at + size), "total": len(things(at, at + size))}


def enveloped(request: httpx.Request) -> Any:
    return {"code": 0, "data": by_offset(request, "list")}


def openai(request: httpx.Request) -> Any:
    found = by_offset(request)["data"]
    more = number(request, "offset", 0) + 3 < N
    return {"object": "list", "data": found, "has_more": more, "last_id": found[-1]["id"]}


def openai_after(request: httpx.Request) -> Any:
    """A service that has no offset answers it with the first page again."""
    after = request.url.params.get("after")
    at = int(after[1:]) + 1 if after else 0
    found = things(at, at + 3)
    return {"object": "list", "data": found, "has_more": at + 3 < N, "last_id": found[-1]["id"]}


SHAPES: list[tuple[str, str, Callable[[httpx.Request], Any]]] = [
    ("maiagent", "conversations", by_link),
    ("maiagent", "conversations", by_relative_link),
    ("maiagent", "conversations", by_bare_cursor),
    ("maiagent", "web_chats", bare_array),
    ("bluenexus", "agents", with_has_more),
    ("bluenexus", "agents", with_has_next),
    ("bluenexus", "agents", with_pages),
    ("bluenexus", "agents", with_total),
    ("bluenexus", "agents", own_word),
    ("bluenexus", "agents", bare_pages),
    ("bluenexus", "agents", bare_array),
    ("cloudbase", "conversations", by_offset),
    ("cloudbase", "conversations", conversation_list),
    ("cloudbase", "conversations", template_offset),
    ("cloudbase", "conversations", total_of_the_page),
    ("cloudbase", "conversations", enveloped),
    ("private_ai", "agents", openai),
    ("private_ai", "agents", openai_after),
]
each_shape = pytest.mark.parametrize(
    ("endpoint", "name", "answer"), SHAPES, ids=[f"{s[0]}-{s[2].__name__}" for s in SHAPES]
)


def sized(name: str) -> dict[str, int]:
    return {} if name == "web_chats" else {"page_size": 3}


@each_shape
async def test_every_shape_of_pages_is_read_whole(
    endpoint: str, name: str, answer: Any, way: Way
) -> None:
    listing = getattr(served(endpoint, answer), name).list
    assert [one.id for one in await way(listing, **sized(name))] == [f"t{n}" for n in range(N)]


@each_shape
async def test_a_list_goes_on_from_each_of_its_cursors(
    endpoint: str, name: str, answer: Any, way: Way
) -> None:
    listing = getattr(served(endpoint, answer), name).list
    for taken in range(1, N + 1):
        begun = way.twin(listing)(**sized(name))
        assert begun.cursor is None
        first = await way.take(begun, taken)
        await way.close(begun)
        rest = await way(listing, cursor=begun.cursor, **sized(name))
        assert [one.id for one in (*first, *rest)] == [f"t{n}" for n in range(N)]


async def test_one_bare_object_is_a_list_of_one(way: Way) -> None:
    bare = {"conversationId": "c1", "title": "Old"}
    found = await way(served("cloudbase", lambda request: bare).conversations.list)
    assert [(one.id, one.title) for one in found] == [("c1", "Old")]


@pytest.mark.parametrize("body", [[], {}, {"results": []}, {"data": [], "total": 9}, None])
async def test_nothing_is_an_empty_list(way: Way, body: Any) -> None:
    assert await way(served("bluenexus", lambda request: body).agents.list) == []


async def test_a_body_that_is_no_list_is_said_to_be_none(way: Way) -> None:
    client = served("bluenexus", lambda request: "hello")
    with pytest.raises(StreamProtocolError, match=r"/api/v1/agents with something that is no list"):
        await way(client.agents.list)


async def test_only_one_page_is_fetched_ahead(way: Way) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        asked.append(request.url.path)
        return by_link(request)

    listing = way.twin(served("maiagent", answer).conversations.list)(page_size=3)
    await way.take(listing, 3)
    assert len(asked) == 1
    await way.close(listing)


@pytest.mark.parametrize("circle", [1, 2, 3, 5])
async def test_links_that_go_in_a_circle_end(way: Way, circle: int) -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> Any:
        at = number(request, "cursor", 0)
        asked.append(at)
        link = str(request.url.copy_set_param("cursor", (at + 1) % circle))
        return {"next": link, "results": [{"id": f"c{at}"}]}

    found = await way(served("maiagent", answer).conversations.list)
    assert {one.id for one in found} == {f"c{n}" for n in range(circle)}
    assert len(asked) <= 4 * circle + 2


async def test_a_service_that_repeats_its_page_is_asked_once_more(way: Way) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        asked.append(str(request.url))
        return {"data": things(0, 3), "pagination": {"hasMore": True}}

    assert len(await way(served("bluenexus", answer).agents.list, page_size=3)) == 3
    assert len(asked) == 2


async def test_an_item_that_moved_to_the_next_page_comes_once(way: Way) -> None:
    """While a list of the newest first is read, a new one pushes the others down."""

    def answer(request: httpx.Request) -> Any:
        page = number(request, "page", 1)
        first = (page - 1) * 3 - (1 if page > 1 else 0)
        return {"data": things(first, first + 3), "pagination": {"hasMore": page < 3}}

    found = await way(served("bluenexus", answer).agents.list, page_size=3)
    assert [one.id for one in found] == [f"t{n}" for n in range(N)]


async def test_items_without_ids_are_all_kept(way: Way) -> None:
    said = {"role": "user", "content": "yes", "timestamp": 1}
    client = served("bluenexus", lambda request: [said, said])
    assert [one.content for one in await way(client.messages.list, "c1")] == ["yes", "yes"]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.com/api/conversations/?cursor=2",
        "https://api.maiagent.ai:8443/api/conversations/?cursor=2",
        "https://api.maiagent.ai.evil.example.com/api/conversations/",
        "https://api.maiagent.ai@evil.example.com/api/conversations/",
        "//evil.example.com/api/conversations/",
        "http://api.maiagent.ai:81/api/conversations/?cursor=2",
    ],
)
async def test_a_link_to_another_host_is_not_followed(way: Way, link: str) -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> Any:
        hosts.append(request.url.host)
        return {"next": link, "results": things(0, 3)}

    begun = way.twin(served("maiagent", answer).conversations.list)()
    assert len(await way.take(begun, 3)) == 3
    with pytest.raises(StreamProtocolError, match="another host") as caught:
        await way.take(begun, 1)
    assert "secret" not in str(caught.value)
    assert "evil" in str(caught.value) or ".ai:8" in str(caught.value)
    assert hosts == ["api.maiagent.ai"]


async def test_a_link_behind_a_proxy_stays_on_our_address(way: Way) -> None:
    """A service behind TLS and a path of its own writes links without either."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        asked.append(str(request.url))
        link = "http://gateway.example.com/mai/api/conversations/?cursor=2"
        return {"next": link if len(asked) == 1 else None, "results": [{"id": f"c{len(asked)}"}]}

    client = served("maiagent", answer, base_url="https://gateway.example.com/mai")
    assert len(await way(client.conversations.list)) == 2
    assert asked[1] == "https://gateway.example.com/mai/api/conversations/?cursor=2"


@pytest.mark.parametrize("scheme", ["https://", "http://"])
@pytest.mark.parametrize("own", ["", ":443"])
@pytest.mark.parametrize("port", ["", ":443", "its own"])
async def test_a_port_may_be_spelt_out(way: Way, scheme: str, own: str, port: str) -> None:
    if port == "its own":
        port = {"https://": ":443", "http://": ":80"}[scheme]
    link = f"{scheme}api.maiagent.ai{port}/api/conversations/?cursor=2"
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        asked.append(str(request.url))
        return {"next": link if len(asked) == 1 else None, "results": [{"id": f"c{len(asked)}"}]}

    client = served("maiagent", answer, base_url=f"https://api.maiagent.ai{own}")
    assert len(await way(client.conversations.list)) == 2
    assert asked[1] == "https://api.maiagent.ai/api/conversations/?cursor=2"


@pytest.mark.parametrize("place", ["api.maiagent.ai:no", "api.maiagent.ai:99999", "[api"])
async def test_a_link_to_no_address_is_told(way: Way, place: str) -> None:
    link = f"https://{place}/api/conversations/?cursor=secret"
    client = served("maiagent", lambda request: {"next": link, "results": things(0, 3)})
    with pytest.raises(StreamProtocolError, match="is no address") as caught:
        await way(client.conversations.list)
    assert "secret" not in str(caught.value)


JSON_VALUES: tuple[Any, ...] = ("x", None, -1, 1.5, [], {})
FORGED = [
    encode(replace(PagePosition("/api/v1/agents"), **changed))
    for name in ("url", "number", "before", "way", "taken", "asked")
    for changed in ({name: value} for value in JSON_VALUES)
]


@pytest.mark.parametrize("cursor", ["p2.", "p2.e30", "p2.!!!", "nonsense", *FORGED])
async def test_a_cursor_of_nowhere_is_refused(way: Way, cursor: str) -> None:
    with pytest.raises(ConfigurationError, match=r"pass the \.cursor of an earlier|another list"):
        await way(served("bluenexus", with_total).agents.list, cursor=cursor)


@pytest.mark.parametrize("cursor", [5, {}, ["x"], b"p2.", True])
async def test_a_cursor_is_a_text(way: Way, cursor: Any) -> None:
    with pytest.raises(ConfigurationError, match="cursor must be a str"):
        await way(served("bluenexus", with_total).agents.list, cursor=cursor)


async def test_a_cursor_of_another_list_is_refused(way: Way) -> None:
    client = served("maiagent", by_link)
    begun = way.twin(client.conversations.list)()
    await way.take(begun, 1)
    await way.close(begun)
    with pytest.raises(ConfigurationError, match="another list"):
        await way(client.inboxes.list, cursor=begun.cursor)


async def test_the_services_own_cursor_is_taken(way: Way) -> None:
    found = await way(served("maiagent", by_link).conversations.list, cursor="3", page_size=3)
    assert [one.id for one in found] == ["t3", "t4", "t5", "t6"]


# --- the sandbox ---------------------------------------------------------------------------------

DAYS = {"start": "2024-01-01", "end": "2024-12-31"}
LISTS = [
    ("maiagent", "records", DAYS, "hosted"),
    ("maiagent", "conversations", {}, "hosted"),
    ("cloudbase", "conversations", {}, "hosted"),
    ("cloudbase", "conversations", {}, "template"),
    ("cloudbase", "conversations", {}, "express"),
    ("cloudbase", "records", {}, "hosted"),
    ("bluenexus", "conversations", {}, "hosted"),
]


@pytest.fixture(scope="module")
def lists(archive: Sandbox) -> Sandbox:
    archive.seed_records(300, "cloudbase")
    archive.seed_records(300, "bluenexus")
    return archive


@pytest.mark.parametrize(("endpoint", "name", "query", "shape"), LISTS, ids=lambda v: str(v)[:14])
async def test_an_interrupted_list_gives_each_item_once(
    endpoint: str, name: str, query: Any, shape: str, way: Way, lists: Sandbox
) -> None:
    lists.configure(cloudbase_lists=shape)
    listing = getattr(client_of(lists, endpoint), name).list
    whole = [one.id for one in await way(listing, page_size=7, **query)]
    assert len(whole) == len(set(whole)) in (30, 300, 600)
    found, cursor = [], None
    while len(found) < len(whole):
        begun = way.twin(listing)(page_size=7, cursor=cursor, **query)
        found += [one.id for one in await way.take(begun, min(61, len(whole) - len(found)))]
        cursor = begun.cursor
        await way.close(begun)
    assert found == whole
    assert await way(listing, page_size=7, cursor=cursor, **query) == []


async def test_a_message_list_goes_on_where_it_was_interrupted(way: Way, lists: Sandbox) -> None:
    client = client_of(lists, "maiagent")
    conversation = (await way(client.conversations.list))[0].id
    whole = [one.id for one in await way(client.messages.list, conversation)]
    assert len(whole) == 20
    begun = way.twin(client.messages.list)(conversation, page_size=6)
    first = [one.id for one in await way.take(begun, 9)]
    await way.close(begun)
    rest = await way(client.messages.list, conversation, cursor=begun.cursor)
    assert [*first, *(one.id for one in rest)] == whole
