"""Agents as the LLM of LlamaIndex's own engines, over a local index."""

import asyncio
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.extractors import (
    DocumentContextExtractor,
    KeywordExtractor,
    SummaryExtractor,
)
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.node_parser import TokenTextSplitter
from llama_index.core.query_engine import FLAREInstructQueryEngine, RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import Document, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore

from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import FOLLOW_UP, QUESTION, SERVICES, Build
from tests.llamaindex.local import ByWords, HashedWords, documents, memory, passages

WITHOUT_LLM = (ResponseMode.NO_TEXT, ResponseMode.CONTEXT_ONLY)
MODES = [mode for mode in ResponseMode if mode not in WITHOUT_LLM]


@pytest.fixture(scope="module")
def index() -> VectorStoreIndex:
    return VectorStoreIndex(passages(), embed_model=HashedWords())


async def answered(engine: Any, how: str) -> tuple[str, Any]:
    """The text of an answer to the question, however it comes."""
    response = await engine.aquery(QUESTION) if how.startswith("a") else engine.query(QUESTION)
    if hasattr(response, "async_response_gen"):
        return "".join([token async for token in response.async_response_gen()]), response
    if hasattr(response, "response_gen"):
        return "".join(response.response_gen), response
    return str(response), response


@pytest.mark.parametrize("how", ["query", "aquery", "query streaming", "aquery streaming"])
@pytest.mark.parametrize("mode", MODES)
async def test_every_response_mode(
    build: Build, index: VectorStoreIndex, mode: ResponseMode, how: str
) -> None:
    # LlamaIndex does not stream accumulated answers.
    streaming = "streaming" in how and "accumulate" not in mode.value
    engine = index.as_query_engine(
        llm=build("private_ai"), response_mode=mode, streaming=streaming, similarity_top_k=3
    )
    text, response = await answered(engine, how)
    assert "vacation" in text
    assert any("25 vacation days" in node.text for node in response.source_nodes)


@pytest.mark.parametrize("how", ["query", "aquery"])
@pytest.mark.parametrize("mode", [ResponseMode.REFINE, ResponseMode.COMPACT])
async def test_answers_that_are_filtered_by_what_they_say_of_themselves(
    build: Build, index: VectorStoreIndex, mode: ResponseMode, how: str
) -> None:
    synthesizer = get_response_synthesizer(
        llm=build("bluenexus"), response_mode=mode, structured_answer_filtering=True
    )
    engine = RetrieverQueryEngine(index.as_retriever(similarity_top_k=3), synthesizer)
    assert "25 vacation days" in (await answered(engine, how))[0]


@pytest.mark.parametrize("how", ["query", "aquery"])
@pytest.mark.parametrize("service", SERVICES)
async def test_flare_searches_and_fills_in_what_it_found(
    build: Build, index: VectorStoreIndex, service: str, how: str
) -> None:
    llm = build(service)
    engine = FLAREInstructQueryEngine(index.as_query_engine(llm=llm), llm=llm)
    text, response = await answered(engine, how)
    assert text.count("25 vacation days") == 1
    assert "[Search(" not in text
    assert any("25 vacation days" in node.text for node in response.source_nodes)


@pytest.mark.parametrize("how", ["query", "aquery"])
@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_over_bm25(build: Build, service: str, how: str) -> None:
    engine = RetrieverQueryEngine.from_args(
        ByWords(passages(), k=2), llm=build(service), streaming=True
    )
    text, response = await answered(engine, how)
    assert "25 vacation days" in text
    assert response.source_nodes[0].metadata["file"] == "vacation.md"


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "kind", [SimpleChatEngine, ContextChatEngine, CondensePlusContextChatEngine]
)
@pytest.mark.parametrize("service", ["private_ai", "maiagent"])
async def test_three_turns_with_memory(
    sandbox: Sandbox,
    build: Build,
    index: VectorStoreIndex,
    service: str,
    kind: Any,
    is_async: bool,
) -> None:
    more = {} if kind is SimpleChatEngine else {"retriever": index.as_retriever()}
    engine = kind.from_defaults(llm=build(service), memory=memory(), **more)
    answers = []
    for message in (QUESTION, FOLLOW_UP, "And what is the canteen like?"):
        if is_async:
            stream = await engine.astream_chat(message)
            answers.append("".join([token async for token in stream.async_response_gen()]))
        else:
            answers.append("".join(engine.stream_chat(message).response_gen))
    assert "25 vacation days" in answers[0]
    assert "art-time" in answers[1]
    history = engine.chat_history
    assert [m.role.value for m in history] == ["user", "assistant"] * 3
    if kind is SimpleChatEngine:  # the others keep the text alone
        assert all(m.additional_kwargs["reply_id"] for m in history[1::2])
    asked = sandbox.turns(service)[-1]["messages"]
    assert QUESTION in " ".join(message["content"] for message in asked)


def test_ingestion_pipeline(build: Build) -> None:
    pipeline = IngestionPipeline(
        transformations=[
            TokenTextSplitter(chunk_size=256, chunk_overlap=0),
            SummaryExtractor(llm=build("bluenexus"), show_progress=False, num_workers=2),
            HashedWords(),
        ]
    )
    pages = [page for page in documents() if page.id_ in ("vacation.md", "travel.md")]
    nodes = pipeline.run(documents=pages)
    assert {node.ref_doc_id for node in nodes} == {"vacation.md", "travel.md"}
    assert all(node.metadata["section_summary"] for node in nodes)
    assert all(len(node.embedding) == 512 for node in nodes)


@pytest.mark.parametrize(
    "setting",
    [
        {"extra_body": {"metadata": {"a": "b"}}},
        {"default_headers": {"X-Of": "b"}},
        {"account": "b"},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_pipelines_cache_tells_apart_what_is_hidden(
    sandbox: Sandbox, build: Build, setting: dict[str, Any]
) -> None:
    cache, asked = IngestionCache(), []
    for settings in ({}, setting, {}, setting):
        llm = build("bluenexus", **settings)
        again = type(llm).from_dict({**llm.to_dict(), **sandbox.kwargs("bluenexus"), **settings})
        for each in (llm, again):
            extractor = KeywordExtractor(llm=each, show_progress=False)
            pipeline = IngestionPipeline(transformations=[extractor], cache=cache)
            pipeline.run(nodes=[TextNode(text="The office is in Lisbon.")], show_progress=False)
        asked.append(len(sandbox.turns("bluenexus")))
    assert asked == [1, 2, 2, 2]


@pytest.mark.parametrize("how", ["extract", "aextract"])
@pytest.mark.parametrize("service", SERVICES)
async def test_contextual_retrieval(build: Build, service: str, how: str) -> None:
    page = Document(text="Refunds are paid within 14 days. The office is in Lisbon.")
    pages = SimpleDocumentStore()
    pages.add_documents([page])
    passages = TokenTextSplitter(chunk_size=64).get_nodes_from_documents([page])
    extractor = DocumentContextExtractor(
        docstore=pages,
        llm=build(service),
        max_context_length=1000,
        oversized_document_strategy="error",
        show_progress=False,
    )
    if how == "extract":  # LlamaIndex runs a loop of its own in it
        found = await asyncio.to_thread(extractor.extract, passages)
    else:
        found = await extractor.aextract(passages)
    assert [bool(each["context"]) for each in found] == [True]
