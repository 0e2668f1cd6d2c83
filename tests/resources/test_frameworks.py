"""What LangChain and LlamaIndex make of past conversations."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import MockEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.readers.base import BasePydanticReader, ResourcesReaderMixin
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore

from langchain_agents import (
    AgentRecordsLoader,
    RemoteChatMessageHistory,
    chat_models as langchain_models,
)
from llamaindex_agents import AgentRecordsReader, RemoteChatStore
from remote_agents import (
    ConfigurationError,
    ConversationError,
    ConversationNotFoundError,
    NotFoundError,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import make
from tests.resources.calls import Way, client_of

KEEPERS = ["cloudbase", "bluenexus", "maiagent"]
MODELS = {
    "cloudbase": langchain_models.ChatCloudBase,
    "bluenexus": langchain_models.ChatBlueNexus,
    "maiagent": langchain_models.ChatMaiAgent,
}
FIRST_DAY = {"start": "2024-01-01", "end": "2024-01-01"}
keepers = pytest.mark.parametrize("endpoint", KEEPERS)


@pytest.fixture(scope="module")
def past(archive: Sandbox) -> Sandbox:
    archive.seed_records(40, "cloudbase")
    archive.seed_records(40, "bluenexus")
    return archive


# --- documents -----------------------------------------------------------------------------------


async def documents(way: Way, client: Any, framework: str, **query: Any) -> list[Any]:
    """The documents of either framework, by its own lazy method."""
    if framework == "langchain":
        return list(await way(AgentRecordsLoader(client, **query).lazy_load))
    return list(await way(AgentRecordsReader(client=client).load_data, **query))


def text_of(document: Any) -> str:
    return str(getattr(document, "page_content", None) or document.text)


@keepers
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
async def test_records_become_documents_with_stable_ids(
    endpoint: str, framework: str, way: Way, past: Sandbox
) -> None:
    client = client_of(past, endpoint)
    found = await documents(way, client, framework, **FIRST_DAY)
    assert len(found) == (300 if endpoint == "maiagent" else 40)
    first = min(found, key=lambda document: document.metadata["created_at"])
    assert text_of(first) == (
        "Question: Question 0 about vacation days?\n\nAnswer: Answer 0 about vacation days."
    )
    assert first.metadata["agent"] == client.agent.name
    assert first.metadata["conversation_id"]
    assert first.metadata["question"] == "Question 0 about vacation days?"
    assert first.metadata["created_at"].startswith("2024-01-01T00:00")
    assert all(isinstance(value, str) for value in first.metadata.values())
    ids = [ids_of(document) for document in found]
    assert len(set(ids)) == len(ids)
    again = await documents(way, client, framework, **FIRST_DAY)
    assert [ids_of(document) for document in again] == ids
    sources = {document.metadata["source"] for document in found}
    assert len(sources) == len(found)


def ids_of(document: Any) -> str:
    return str(document.id if hasattr(document, "page_content") else document.id_)


@keepers
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
async def test_documents_are_chosen_by_day_and_text(
    endpoint: str, framework: str, way: Way, past: Sandbox
) -> None:
    client = client_of(past, endpoint)
    nothing = await documents(way, client, framework, start="2023-01-01", end="2023-12-31")
    later = await documents(way, client, framework, start="2024-01-03", end="2024-12-31")
    assert (nothing, later) == ([], [])
    texts = {"user_message": "Question 3 ", "bot_message": "Answer 3 "}
    (one,) = await documents(way, client, framework, **FIRST_DAY, **texts)
    assert "Question 3 about" in text_of(one)


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
async def test_maiagent_needs_days(framework: str, way: Way, past: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="pass start and end"):
        await documents(way, client_of(past, "maiagent"), framework)


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@pytest.mark.parametrize("endpoint", ["private_ai", "cloudbase_openai"])
async def test_a_service_that_lists_nothing_is_refused(
    endpoint: str, framework: str, way: Way, past: Sandbox
) -> None:
    client = client_of(past, endpoint)
    with pytest.raises(ConfigurationError, match="has no API to list its conversations"):
        await documents(way, client, framework)
    with pytest.raises(ConfigurationError, match="has no API to list its messages"):
        RemoteChatMessageHistory(client, conversation_id="c1")


async def test_a_vector_store_is_updated_not_filled_twice(way: Way, past: Sandbox) -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding

    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    loader = AgentRecordsLoader(client_of(past, "maiagent"), **FIRST_DAY)
    for _ in range(2):
        store.add_documents(await way(loader.lazy_load))
    assert len(store.store) == 300


async def test_an_ingestion_pipeline_updates_what_it_has(way: Way, past: Sandbox) -> None:
    reader = AgentRecordsReader(client=client_of(past, "maiagent"))
    store = SimpleVectorStore()
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(), MockEmbedding(embed_dim=4)],
        docstore=SimpleDocumentStore(),
        vector_store=store,
    )
    first = pipeline.run(documents=await way(reader.load_data, **FIRST_DAY))
    again = await way(reader.load_data, **FIRST_DAY)
    again[0].set_content("Question: changed\n\nAnswer: changed")
    changed = pipeline.run(documents=again)
    assert (len(first), len(changed)) == (300, 1)
    assert len(store.data.embedding_dict) == 300


async def test_the_loader_reads_one_page_at_a_time(way: Way, past: Sandbox) -> None:
    past.reset()
    lazy = way.twin(AgentRecordsLoader(client_of(past, "maiagent"), **FIRST_DAY).lazy_load)()
    assert len(await way.take(lazy, 5)) == 5
    assert len(past.requests()) == 1
    await way.close(lazy)


@keepers
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
async def test_one_conversation_can_be_read(
    endpoint: str, framework: str, way: Way, past: Sandbox
) -> None:
    client = client_of(past, endpoint)
    id_ = (await way(client.conversations.list))[-1].id
    if framework == "langchain":
        loader = AgentRecordsLoader(client, conversation_id=id_)
        found: list[Any] = list(await way(loader.lazy_load))
    else:
        found = await way(AgentRecordsReader(client=client).load_resource, id_)
    assert len(found) == 10
    assert {document.metadata["conversation_id"] for document in found} == {id_}


@keepers
async def test_a_conversation_is_read_with_the_same_ids_and_filters(
    endpoint: str, way: Way, past: Sandbox
) -> None:
    client = client_of(past, endpoint)
    whole = {each.id: each for each in await documents(way, client, "langchain", **FIRST_DAY)}
    id_ = next(iter(whole.values())).metadata["conversation_id"]
    alone = await documents(way, client, "langchain", conversation_id=id_)
    assert [whole[each.id].metadata["source"] for each in alone] == [
        each.metadata["source"] for each in alone
    ]
    for name in ("user_message", "bot_message"):
        text = alone[3].page_content.partition(" about")[0].rpartition(" ")[2]
        some = await documents(
            way, client, "langchain", conversation_id=id_, **{name: f"{text} about"}
        )
        assert 0 < len(some) < len(alone)
        assert not await documents(way, client, "langchain", conversation_id=id_, **{name: "zzz"})


@keepers
async def test_conversations_are_the_readers_resources(
    endpoint: str, way: Way, past: Sandbox
) -> None:
    client = client_of(past, endpoint)
    reader = AgentRecordsReader(client=client)
    ids = await way(reader.list_resources)
    assert ids == [one.id for one in await way(client.conversations.list)]
    assert (await way(reader.get_resource_info, ids[0]))["title"].startswith("Seeded")
    with pytest.raises((NotFoundError, ValueError), match=r"nobody|No Conversation"):
        await way(reader.get_resource_info, "nobody")


def test_the_reader_is_one_of_llamaindex_and_serialises_without_its_key(past: Sandbox) -> None:
    reader = AgentRecordsReader(client=client_of(past, "maiagent"))
    assert isinstance(reader, BasePydanticReader)
    assert isinstance(reader, ResourcesReaderMixin)
    assert reader.is_remote
    assert past.kwargs("maiagent")["api_key"] not in reader.to_json()
    bare = AgentRecordsReader.from_json(reader.to_json())
    with pytest.raises(ConfigurationError, match="needs client="):
        bare.load_data()


GIVEN = {
    "langchain_agents.ChatMaiAgent": lambda box: make("langchain", "maiagent", **box),
    "llamaindex_agents.MaiAgent": lambda box: make("llamaindex", "maiagent", **box),
    "builtins.str": lambda box: "conversation-1",
}
WANT_A_CLIENT: dict[str, Callable[[Any], object]] = {
    "history": RemoteChatMessageHistory,
    "loader": lambda client: AgentRecordsLoader(client).load(),
    "store": lambda client: RemoteChatStore(client=client).get_keys(),
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("wanting", WANT_A_CLIENT)
def test_a_model_in_place_of_its_client_is_told_so(
    sandbox: Sandbox, given: str, wanting: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"not {given}; that of a model is its `client`"):
        WANT_A_CLIENT[wanting](GIVEN[given](sandbox.kwargs("maiagent")))


def test_what_is_no_error_of_a_turn_is_not_recovered(sandbox: Sandbox) -> None:
    error: Any = ValueError("x")
    with pytest.raises(ConfigurationError, match="an AgentError, not ValueError"):
        client_of(sandbox, "maiagent").recover(error)


def test_ids_and_addresses_are_not_shown_to_the_model(past: Sandbox) -> None:
    from llama_index.core.schema import MetadataMode

    reader = AgentRecordsReader(client=client_of(past, "maiagent"))
    document = reader.load_data(**FIRST_DAY)[0]
    assert "source" not in document.get_content(MetadataMode.LLM)
    assert "2024-01-01" in document.get_content(MetadataMode.LLM)
    assert document.get_content(MetadataMode.EMBED) == document.text


# --- history -------------------------------------------------------------------------------------


async def messages_of(way: Way, history: RemoteChatMessageHistory) -> list[Any]:
    return history.messages if way.name == "sync" else await history.aget_messages()


@pytest.mark.parametrize("endpoint", ["bluenexus", "maiagent"])  # CloudBase has an empty one
async def test_a_history_that_is_not_there_says_so(
    endpoint: str, way: Way, archive: Sandbox
) -> None:
    missing = "00000000-0000-0000-0000-000000000001"
    history = RemoteChatMessageHistory(client_of(archive, endpoint), conversation_id=missing)
    with pytest.raises(ConversationNotFoundError, match=f"{missing}.*check conversation_id"):
        await messages_of(way, history)
    with pytest.raises(ConversationNotFoundError, match=missing):
        await way(history.add_messages, [AIMessage("Hello")])


@keepers
async def test_a_model_goes_on_from_the_history(endpoint: str, way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, endpoint)
    reply = await way(client.ask, "My name is Bo.", memory="server")
    history = RemoteChatMessageHistory(client, conversation_id=reply.conversation_id)
    before = await messages_of(way, history)
    assert [message.type for message in before] == ["human", "ai"]
    model = MODELS[endpoint](**sandbox.kwargs(endpoint))
    prompt = [*before, HumanMessage("What is my name?")]
    for call in ({"memory": "server"}, {"conversation_id": reply.conversation_id}):
        answer = await way(model.invoke, prompt, **call)
        assert "Bo" in answer.text
        assert answer.response_metadata["conversation_id"] == reply.conversation_id
        assert answer.response_metadata["memory"] == "continued"
        last = sandbox.turns()[-1]
        assert last["messages"][-1]["content"] == "What is my name?"
        if not client.agent.endpoint.context:
            assert len(last["messages"]) == 1
        prompt = [*await messages_of(way, history), HumanMessage("What is my name?")]


@pytest.mark.parametrize("word", ["bot", "Agent", "moderator", "", None])
async def test_a_message_of_whomever_can_be_read(
    word: str | None, way: Way, sandbox: Sandbox
) -> None:
    """A word that nobody knows may be anybody's, and is no failure of what reads it."""
    client = client_of(sandbox, "maiagent")
    await way(client.ask, "My name is Bo.", session_id="alice", memory="server")
    listed = [{"id": "1", "type": "incoming", "content": "Hi"}]
    listed.append({"id": "2", "type": word, "content": "Hello"})
    body = {"next": None, "previous": None, "results": listed}
    sandbox.fail_next(status=200, body=body, endpoint="maiagent", match="/messages", times=3)
    agents = word is not None and word.lower() in ("bot", "agent")
    history = RemoteChatMessageHistory(client, conversation_id="c-1")
    told = await messages_of(way, history)
    assert [message.type for message in told] == ["human", "ai" if agents else "human"]
    store = RemoteChatStore(client=client, conversations={"bob": "c-1"})
    read = await store.aget_messages("bob") if way.name == "async" else store.get_messages("bob")
    assert [m.role.value for m in read] == ["user", "assistant" if agents else "user"]


@keepers
async def test_a_turn_that_the_server_holds_is_not_added_again(
    endpoint: str, way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, endpoint)
    model = MODELS[endpoint](**sandbox.kwargs(endpoint), memory="server")
    history = RemoteChatMessageHistory(client)
    for number, text in enumerate(["My name is Bo.", "What is my name?"], 1):
        question = HumanMessage(text)
        answer = await way(model.invoke, [*await messages_of(way, history), question])
        await way(history.add_messages, [question, answer])
        assert len(await messages_of(way, history)) == 2 * number
    assert history.conversation_id == answer.response_metadata["conversation_id"]
    assert "Bo" in (await messages_of(way, history))[-1].text
    held = sandbox.conversation(endpoint, history.conversation_id or "")
    assert [each["role"] for each in held] == ["user", "assistant"] * 2


@keepers
async def test_a_question_waits_until_the_server_has_it(
    endpoint: str, way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, endpoint)
    id_ = (await way(client.ask, "Yes", memory="server")).conversation_id
    history = RemoteChatMessageHistory(client, conversation_id=id_)
    assert len(await messages_of(way, history)) == 2
    await way(history.add_messages, [HumanMessage("Yes")])
    shown = await messages_of(way, history)
    assert [message.type for message in shown] == ["human", "ai", "human"]
    await way(client.ask, "Yes", conversation_id=id_)
    assert [m.type for m in await messages_of(way, history)] == ["human", "ai"] * 2


@keepers
async def test_a_reply_from_elsewhere_is_refused(endpoint: str, way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, endpoint)
    reply = await way(client.ask, "Hello", memory="server")
    history = RemoteChatMessageHistory(client, conversation_id=reply.conversation_id)
    await way(history.add_messages, [HumanMessage("Hello"), AIMessage(reply.text)])
    assert len(await messages_of(way, history)) == 2
    with pytest.raises(ConversationError, match="the service writes its conversations itself"):
        await way(history.add_messages, [AIMessage("I am another model.")])
    with pytest.raises(ConversationError, match="no conversation yet"):
        await way(RemoteChatMessageHistory(client).add_messages, [AIMessage("Hello")])


@keepers
async def test_a_cleared_history_is_empty(endpoint: str, way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, endpoint)
    id_ = (await way(client.ask, "Hello", memory="server")).conversation_id
    history = RemoteChatMessageHistory(client, conversation_id=id_)
    await way(history.clear)
    assert await messages_of(way, history) == []
    assert history.conversation_id is None
    held = sandbox.conversation(endpoint, id_)
    assert len(held) == (2 if endpoint == "maiagent" else 0)  # MaiAgent deletes none


@keepers
async def test_it_works_behind_runnable_with_message_history(
    endpoint: str, way: Way, sandbox: Sandbox
) -> None:
    from langchain_core.runnables.history import RunnableWithMessageHistory

    client, histories = client_of(sandbox, endpoint), {}
    model = MODELS[endpoint](**sandbox.kwargs(endpoint))

    def history_of(session_id: str) -> RemoteChatMessageHistory:
        return histories.setdefault(session_id, RemoteChatMessageHistory(client))

    with pytest.warns(Warning, match="RunnableWithMessageHistory"):
        chain = RunnableWithMessageHistory(model, history_of)
    config = {"configurable": {"session_id": f"history-{way.name}-{endpoint}-{time.time()}"}}
    await way(chain.invoke, [HumanMessage("My name is Bo.")], config=config)
    answer = await way(chain.invoke, [HumanMessage("What is my name?")], config=config)
    assert "Bo" in answer.text
    (history,) = histories.values()
    assert len(await messages_of(way, history)) == 4
    assert len(sandbox.conversation(endpoint, history.conversation_id or "")) == 4
