"""Messages: in order, answered in time, and the same that a chat stored."""

import math
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import httpx
import pytest

from remote_agents import AgentTimeoutError, BadRequestError, ConfigurationError, NotFoundError
from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way, client_of
from tests.resources.served import served

KEEPERS = ["cloudbase", "bluenexus", "maiagent"]
QUESTIONS = ["My name is Bo.", "What is my name?", "How many vacation days do I get?"]


@pytest.mark.parametrize("endpoint", KEEPERS)
async def test_what_a_chat_stored_is_what_the_lists_return(
    endpoint: str, way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, endpoint)
    replies = [
        await way(client.ask, text, session_id=f"lists-{way.name}-{endpoint}") for text in QUESTIONS
    ]
    (id_,) = {reply.conversation_id for reply in replies}
    assert id_ in {one.id for one in await way(client.conversations.list)}
    history = await way(client.messages.history, id_)
    assert [message.role for message in history] == ["user", "assistant"] * 3
    assert [message.content for message in history[::2]] == QUESTIONS
    assert [message.content for message in history[1::2]] == [reply.text for reply in replies]
    assert all(message.conversation_id == id_ for message in history)
    assert all(abs(time.time() - message.created_at.timestamp()) < 60 for message in history)


async def test_citations_are_listed_with_the_message(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "maiagent")
    reply = await way(client.ask, "How many vacation days do I get?")
    answer = (await way(client.messages.history, reply.conversation_id))[-1]
    assert {each.filename for each in answer.citations} <= {c.title for c in reply.citations}
    assert answer.citation_nodes[0].score > 0
    assert answer.citation_nodes[0].chatbot_text_node["text"]


async def conversation_of(way: Way, client: Any, sandbox: Sandbox) -> str:
    web_chat = sandbox.agents["maiagent"]["web_chat_id"]
    return str((await way(client.conversations.create, web_chat)).id)


async def test_the_answer_to_the_last_of_many_messages_is_waited_for(
    way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, "maiagent")
    id_ = await conversation_of(way, client, sandbox)
    for text in QUESTIONS:
        answer = await way(client.messages.send_and_wait, id_, text, interval=0.02)
        history = await way(client.messages.history, id_)
        assert (history[-2].content, history[-1]) == (text, answer)


async def test_a_slow_answer_is_polled_for_and_the_message_sent_once(
    way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, "maiagent")
    id_ = await conversation_of(way, client, sandbox)
    sandbox.configure(word_delay=0.02)
    try:
        answer = await way(client.messages.send_and_wait, id_, QUESTIONS[2], interval=0.03)
    finally:
        sandbox.configure(word_delay=0.0)
    assert "25 vacation days" in answer.content
    sent = [each["method"] for each in sandbox.requests() if "/messages/" in each["path"]]
    assert sent.count("POST") == 1
    assert sent.count("GET") > 2


async def test_the_wait_for_an_answer_ends(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "maiagent")
    id_ = await conversation_of(way, client, sandbox)
    sandbox.configure(word_delay=1.0)
    try:
        with pytest.raises(AgentTimeoutError, match=r"within 0\.2 s.* was sent") as caught:
            await way(client.messages.send_and_wait, id_, "Hello", timeout=0.2, interval=0.05)
    finally:
        sandbox.configure(word_delay=0.0)
    assert caught.value.conversation_id == id_
    assert caught.value.phase == "total"


TIMES: dict[str, Callable[[int], str | None]] = {
    "milliseconds": lambda moment: str(1728181396000 + moment),
    "one second": lambda moment: "2024-10-06T02:23:16Z",
    "none": lambda moment: None,
}


@pytest.mark.parametrize("backwards", [True, False])
@pytest.mark.parametrize("times", TIMES)
async def test_an_answer_is_never_the_one_before(way: Way, times: str, backwards: bool) -> None:
    kinds = ("incoming", "outgoing", "incoming", "outgoing")
    stored = [message(n, kind, n, TIMES[times]) for n, kind in enumerate(kinds)]
    there, looks = 2, 0

    def answer(request: httpx.Request) -> Any:
        nonlocal there, looks
        if request.method == "POST":
            there = 3
            return httpx.Response(201, json=stored[2])
        looks += there == 3
        there += looks > 1
        found = stored[:there]
        return {"next": None, "results": found[::-1] if backwards else found}

    client = served("maiagent", answer)
    found = await way(client.messages.send_and_wait, "c1", "Hello", interval=0.01)
    assert found.id == "m3"


@pytest.mark.parametrize("backwards", [True, False])
async def test_an_answer_is_found_in_either_order_of_the_list(way: Way, backwards: bool) -> None:
    """Three pages of older messages, and two answers to other questions."""
    sent = False
    old = [message(n, "incoming" if n % 2 else "outgoing", n) for n in range(1, 220)]
    asked = message(500, "incoming", 500)
    stored = [*old, asked, message(501, "outgoing", 501), message(502, "outgoing", 502)]

    def answer(request: httpx.Request) -> Any:
        nonlocal sent
        there = stored if sent else old
        ordered = there[::-1] if backwards else there
        if request.method == "POST":
            sent = True
            return httpx.Response(201, json=asked)
        at = int(request.url.params.get("cursor", 0))
        size = int(request.url.params["pageSize"])
        link = str(request.url.copy_set_param("cursor", at + size))
        more = at + size < len(ordered)
        return {"next": link if more else None, "results": ordered[at : at + size]}

    client = served("maiagent", answer)
    found = await way(client.messages.send_and_wait, "c1", "Hello", interval=0.01)
    assert found.id == "m501"
    history = await way(client.messages.history, "c1")
    assert [each.raw for each in history] == stored


def message(
    number: int,
    kind: str,
    moment: int,
    created: Callable[[int], str | None] = TIMES["milliseconds"],
) -> dict[str, Any]:
    said = {"id": f"m{number}", "type": kind, "content": f"{number}"}
    return {**said, "createdAt": created(moment)}


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"interval": -1}, *({"timeout": t} for t in (math.inf, math.nan))]
)
async def test_waits_that_cannot_be_are_refused(way: Way, sandbox: Sandbox, options: Any) -> None:
    client = client_of(sandbox, "maiagent")
    with pytest.raises(ConfigurationError, match="must be a number of seconds"):
        await way(client.messages.send_and_wait, "c1", "Hello", **options)
    assert sandbox.requests() == []


async def test_a_canvas_says_what_it_lacks(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "maiagent")
    with pytest.raises(ConfigurationError, match="canvas needs canvasType, content too"):
        await way(client.messages.create, "c1", canvas={"name": "n", "title": "t"})


async def test_a_message_to_no_conversation_is_refused(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "maiagent")
    with pytest.raises(BadRequestError, match="object does not exist"):
        await way(client.messages.create, "6b1f0c52-8d7e-4a43-9f35-2c64a1d0e7b8", "Hello")
    with pytest.raises(ConfigurationError, match="id is empty"):
        await way(client.messages.create, "", "Hello")


@pytest.mark.parametrize(
    ("endpoint", "name", "arguments"),
    [
        ("maiagent", "conversations.get", ["nobody/../x"]),
        ("maiagent", "messages.get", ["nobody"]),
        ("maiagent", "web_chats.get", ["nobody"]),
        ("cloudbase", "conversations.rename", ["nobody", "title"]),
        ("cloudbase", "conversations.delete", ["nobody"]),
        ("cloudbase", "agents.get", ["nobody"]),
        ("cloudbase", "feedback.send", ["nobody"]),
        ("bluenexus", "conversations.delete", ["nobody"]),
        ("bluenexus", "conversations.messages", ["nobody"]),
        ("bluenexus", "agents.get", ["nobody"]),
        ("private_ai", "agents.get", ["nobody"]),
    ],
)
async def test_what_is_not_there_is_not_found(
    endpoint: str, name: str, arguments: Any, way: Way, sandbox: Sandbox
) -> None:
    part, method = name.split(".")
    client = client_of(sandbox, endpoint)
    with pytest.raises(NotFoundError):
        await way(getattr(getattr(client, part), method), *arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("records.list", {"sort": "newest"}, "sort must be asc or desc"),
        ("feedback.send", {"answer": "r", "type": "like"}, "upvote or downvote"),
        ("feedback.list", {"start": "2025-02-01", "end": "2025-01-01"}, "swap them"),
    ],
)
async def test_words_that_cloudbase_does_not_know_are_refused(
    name: str, arguments: Any, said: str, way: Way, sandbox: Sandbox
) -> None:
    part, method = name.split(".")
    with pytest.raises(ConfigurationError, match=said):
        await way(getattr(getattr(client_of(sandbox, "cloudbase"), part), method), **arguments)


async def test_questions_come_as_soon_as_they_are_whole(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "cloudbase")
    stream = way.twin(client.recommend_questions)("vacation")
    first = (await way.take(stream, 1))[0]
    assert first.endswith("?")
    assert "\n" not in first
    await way.close(stream)


async def test_a_list_is_retried_and_a_message_is_not(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "maiagent")
    id_ = await conversation_of(way, client, sandbox)
    sandbox.fail_next(status=500, match="/messages/")
    assert await way(client.messages.list, id_) == []
    sandbox.fail_next(status=500, match="/messages/")
    with pytest.raises(Exception, match="500"):
        await way(client.messages.create, id_, "Hello")
    posts = [each for each in sandbox.requests() if each["path"] == "/api/messages/"]
    assert len(posts) == 1


ONE_CONVERSATION = [
    *((endpoint, name) for endpoint in KEEPERS for name in ("messages.list", "messages.history")),
    *((endpoint, "conversations.delete") for endpoint in ("cloudbase", "bluenexus")),
    ("bluenexus", "conversations.messages"),
]


@pytest.mark.parametrize("nothing", [None, "", 5])
@pytest.mark.parametrize(("endpoint", "name"), ONE_CONVERSATION)
async def test_no_conversation_is_not_all_of_them(
    endpoint: str, name: str, nothing: Any, way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, endpoint)
    await way(client.ask, "Somebody else's secret", session_id="somebody else's")
    sent = len(sandbox.requests())
    with pytest.raises(ConfigurationError, match=r"The id is empty\.|5 is no id"):
        await way(attrgetter(name)(client), nothing)
    assert len(sandbox.requests()) == sent


async def test_a_filter_that_is_empty_names_no_conversation(way: Way, sandbox: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="id is empty"):
        await way(client_of(sandbox, "cloudbase").records.list, conversation_id="")
