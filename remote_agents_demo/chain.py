"""LangChain: retriever | prompt | agent | parser, streamed, and a follow-up question."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable

from langchain_agents import chat_models
from remote_agents_demo.documents import Index

MODELS: dict[str, type[Any]] = {
    kind.endpoint.name: kind
    for kind in (getattr(chat_models, name) for name in chat_models.__all__)
    if kind is not chat_models.ChatAgent
}
PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer from these passages and name the page.\n\n{context}"),
        ("placeholder", "{history}"),
        ("human", "{question}"),
    ]
)


class Retriever(BaseRetriever):
    """Passages of the folder by BM25."""

    index: Any

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [
            Document(passage.text, metadata={"source": passage.source, "score": score})
            for passage, score in self.index.search(query)
        ]


class Notes(BaseCallbackHandler):
    """Keeps what a parser drops: the message with its ids and counts, and the documents."""

    def __init__(self) -> None:
        self.message: AIMessage | None = None
        self.documents: list[Document] = []

    def on_retriever_end(self, documents: Any, **_: Any) -> None:
        """Keep the documents."""
        self.documents = list(documents)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Keep the message."""
        generation = response.generations[0][0]
        if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
            self.message = generation.message


class Dialogue:
    """A chain with a memory of its dialogue.

    Args:
        endpoint: Which agent.
        connection: Its address, id and key.
        index: The documents.
    """

    def __init__(self, endpoint: str, connection: dict[str, Any], index: Index) -> None:
        model = MODELS[endpoint](**connection, memory="server")
        retriever = Retriever(index=index) | _together
        self._chain: Runnable[dict[str, Any], str] = (
            {
                "context": itemgetter("query") | retriever,
                "question": itemgetter("question"),
                "history": itemgetter("history"),
            }
            | PROMPT
            | model
            | StrOutputParser()
        )
        self._history: list[BaseMessage] = []

    def ask(self, question: str, notes: Notes) -> Iterator[str]:
        """Stream an answer; the conversation goes on from the messages of the earlier ones."""
        asked = [str(m.text) for m in self._history if isinstance(m, HumanMessage)]
        given = {
            "query": " ".join([*asked, question]),
            "question": question,
            "history": self._history,
        }
        yield from self._chain.stream(given, {"callbacks": [notes]})
        assert notes.message is not None
        self._history += [HumanMessage(question), notes.message]


def _together(documents: list[Document]) -> str:
    return "\n\n".join(document.page_content for document in documents)
