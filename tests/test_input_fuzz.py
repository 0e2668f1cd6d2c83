"""Any value at every door: histories, ids, cursors, records, headers, exports.

An answer or a typed error comes of it, never another exception. `make fuzz` tries more of each.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from llama_index.core.llms import ChatMessage

import langchain_agents
import llamaindex_agents
from remote_agents import AgentError, BlueNexus, InMemorySessionStore, MaiAgent, SQLSessionStore
from remote_agents.memory.history_matching import Conversation
from remote_agents.resources import items
from remote_agents.sandbox import Sandbox
from remote_agents.services.maiagent import conversations, directory, records
from tests.raw_server import JSON, head, serving
from tests.test_decode_fuzz import _spoil, json_values

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
FEW = 25
fuzzing = settings(
    max_examples=max(FEW, settings().max_examples if settings().max_examples > 100 else FEW),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
texts = st.text(max_size=20) | st.sampled_from(
    [
        "",
        "\0",
        "\ud83d",
        "..",
        "../a",
        "%2e",
        "a/b?c#d",
        "=1+1",
        "\u202e",
        "x" * 5000,
        "p2.",
        "p2.e30",
    ]
)


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Sandbox, dict[str, Any]]]:
    """A sandbox, and the metadata of a reply that was given there."""
    with Sandbox(rate_limit=None) as box:
        model = langchain_agents.ChatBlueNexus(**box.kwargs("bluenexus"))
        thread = {"configurable": {"thread_id": "t"}}
        yield box, dict(model.invoke("Say: one", thread).response_metadata)


@fuzzing
@given(data=st.data())
def test_the_metadata_of_a_history(
    data: st.DataObject, told: tuple[Sandbox, dict[str, Any]]
) -> None:
    box, metadata = told
    spoiled = _spoil(data.draw, metadata)
    spoiled = spoiled if isinstance(spoiled, dict) else {"conversation": spoiled}
    chat = langchain_agents.ChatBlueNexus(**box.kwargs("bluenexus"))
    llm = llamaindex_agents.BlueNexus(**box.kwargs("bluenexus"))
    plain = BlueNexus(**box.kwargs("bluenexus"))
    answer = AIMessage("one", response_metadata=spoiled)
    history = [HumanMessage("Say: one"), answer, HumanMessage("Say: two")]
    said = ChatMessage(role="assistant", content="one", additional_kwargs=spoiled)
    asked = [ChatMessage("Say: one"), said, ChatMessage("Say: two")]
    mapping = {"role": "assistant", "content": "one", "response_metadata": spoiled}
    with suppress(AgentError):
        chat.invoke(history, {"configurable": {"thread_id": "t"}})
    with suppress(AgentError):
        chat.invoke(["Say: one", mapping, "Say: two"], {"configurable": {"thread_id": "t"}})
    with suppress(AgentError):
        llm.for_session("t").chat(asked)
    with suppress(AgentError):
        plain.ask(["Say: one", mapping, "Say: two"], session_id="t")


@fuzzing
@example(name="\ud83d", other="\ud83d")
@given(name=texts, other=texts)
def test_ids(name: str, other: str, told: tuple[Sandbox, dict[str, Any]]) -> None:
    box, _ = told
    agent = BlueNexus(**box.kwargs("bluenexus"), session_store=InMemorySessionStore())
    mai = MaiAgent(**box.kwargs("maiagent"))
    for call in (
        lambda: BlueNexus(**{**box.kwargs("bluenexus"), "agent_id": name}).ask("Say: one"),
        lambda: agent.ask("Say: one", session_id=name),
        lambda: agent.ask("Say: one", conversation_id=other),
        lambda: mai.ask("Say: one", conversation_id=name),
        lambda: mai.conversations.get(other),
        lambda: list(mai.messages.list(name)),
        lambda: mai.chatbots.get(name),
    ):
        with suppress(AgentError):
            call()


@fuzzing
@example(cursor="\ud83d")
@given(cursor=texts | st.text(max_size=40).map(lambda text: f"p2.{text}"))
def test_cursors(cursor: str, told: tuple[Sandbox, dict[str, Any]]) -> None:
    box, _ = told
    for lists in (
        MaiAgent(**box.kwargs("maiagent")).conversations,
        BlueNexus(**box.kwargs("bluenexus")).conversations,
    ):
        with suppress(AgentError):
            list(lists.list(cursor=cursor))


KINDS = [
    kind
    for module in (conversations, directory, records)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, items.Item) and kind is not items.Item
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@fuzzing
@given(data=st.data())
def test_records(kind: type[items.Item], data: st.DataObject) -> None:
    names = [name for field in kind.fields() for name in getattr(kind, field).names]
    raw = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=3), json_values))
    for given_raw in (raw, data.draw(json_values)):
        item = kind(given_raw)
        for name in kind.fields():
            getattr(item, name)
        json.dumps(item.to_dict(), default=str)
        assert isinstance(repr(item), str)
        assert item == kind(given_raw)
        hash(item)


@fuzzing
@given(bodies=st.lists(json_values, min_size=1, max_size=2))
def test_pages(bodies: list[Any]) -> None:
    raw = [json.dumps(body).encode() for body in bodies]
    with serving(*([head(JSON, length=len(body)), body] for body in raw)) as server:
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k", max_retries=0)
        with suppress(AgentError):
            for number, _ in enumerate(agent.conversations.list()):
                if number > 20:
                    break


HEADERS = [
    "Retry-After",
    "X-Conversation-Id",
    "X-Credits-Consumed",
    "X-Credits-Remaining",
    "X-Request-Id",
    "Content-Type",
    "Content-Encoding",
    "Date",
]
values = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20
) | st.sampled_from(["1e400", "-1", "nan", "inf", "9" * 5000, "Mon, 01 Jan 99999 00:00:00 GMT"])


@fuzzing
@given(
    given_headers=st.dictionaries(st.sampled_from(HEADERS), values, max_size=4),
    status=st.sampled_from(["200 OK", "429 Busy", "503 Busy", "400 Bad", "302 Found", "201 Made"]),
)
def test_headers(given_headers: dict[str, str], status: str) -> None:
    body = b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}'
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {said}" for name, said in given_headers.items())]
    top = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1")
    with serving([top, body]) as server:
        agent = BlueNexus(base_url=server.url, api_key="k", max_retries=0)
        with suppress(AgentError):
            agent.ask("Hi", session_id="u")


@fuzzing
@given(
    content=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()),
    kind=st.sampled_from([JSON, "application/zip", "text/html", ""]),
)
def test_exports(content: bytes, kind: str) -> None:
    with (
        serving([head(kind, length=len(content)), content]) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k", max_retries=0)
        target = Path(folder, "records.xlsx")
        with suppress(AgentError):
            agent.records.export_excel(target, start="2025-01-01", end="2025-01-02")
            assert target.exists()
        assert set(Path(folder).iterdir()) <= {target}


@pytest.fixture(scope="module")
def stores() -> Iterator[list[Any]]:
    database = SQLSessionStore("sqlite://")
    yield [InMemorySessionStore(), database]
    database.close()


@fuzzing
@given(
    name=texts.filter(bool),
    held=st.binary(max_size=60),
    counts=st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)),
)
def test_stores(name: str, held: bytes, counts: tuple[int, int], stores: list[Any]) -> None:
    talked = Conversation(name, max(1, counts[0]), counts[1], counts[1], held=held, system=held)
    for store in stores:
        assert store.begin("u", "h", None)
        assert store.finish("u", "h", talked)
        assert store.read("u") == [talked]
        assert store.delete("u") == [name]
