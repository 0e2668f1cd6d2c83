"""A chat model without a model: it says what reached it. Run in a vendor's environment.

What the newest user message begins with decides: "call" asks for the first tool (two at once for
"call twice"), "search" for the agent's own, "wait" breaks the answer off half way until the process
dies, "fail" raises there.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import Field

SEARCH = "search_files"


class State(MessagesState):
    """A thread, and the tools of whoever asks."""

    tools: list[Any]


def compiled(chat: Any, *, searches: bool = True) -> Any:
    """A graph around a model's node, with a tool of its own, that keeps its threads."""
    graph = StateGraph(State)
    graph.add_node("chat", chat)
    graph.add_edge(START, "chat")
    if searches:
        graph.add_node("search", _searched)
        graph.add_conditional_edges("chat", _after_chat, ["search", END])
        graph.add_edge("search", "chat")
    return graph.compile(checkpointer=MemorySaver())


def _after_chat(state: State) -> str:
    calls = getattr(state["messages"][-1], "tool_calls", ())
    return "search" if any(call["name"] == SEARCH for call in calls) else END


async def _searched(state: State) -> dict[str, Any]:
    (call,) = state["messages"][-1].tool_calls
    # Tencent's server breaks the run off at a result without an id.
    return {"messages": [ToolMessage("3 files", tool_call_id=call["id"], id=f"of-{call['id']}")]}


class Scripted(BaseChatModel):
    """Tells what it was given, word by word."""

    tools: list[dict[str, Any]] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _told(self, messages: list[BaseMessage]) -> str:
        seen = [[message.type, message.content] for message in messages]
        # An answer that repeats earlier answers would double in size with each turn.
        seen = [[kind, "..." if kind == "ai" else content] for kind, content in seen]
        return "I SAW " + json.dumps([seen, self.options], ensure_ascii=False)

    def _calls(self, messages: list[BaseMessage]) -> list[dict[str, Any]]:
        asked = str(messages[-1].content) if messages and messages[-1].type == "human" else ""
        count = len(messages)
        if asked.startswith("search"):
            return [{"name": SEARCH, "args": '{"q": "x"}', "id": f"own-{count}", "index": 0}]
        if not self.tools or "call" not in asked:
            return []
        return [
            {
                "name": tool["name"],
                "args": '{"city": "Paris"}',
                "id": f"call-{count}-{n}",
                "index": n,
            }
            for n, tool in enumerate(self.tools[: 2 if "twice" in asked else 1])
        ]

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any) -> Any:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._told(messages)))])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> Iterator[ChatGenerationChunk]:
        if calls := self._calls(messages):
            if calls[0]["name"] == SEARCH:
                yield ChatGenerationChunk(message=AIMessageChunk("Let me look."))
            for call in calls:
                yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[call]))
            return
        text = self._told(messages)
        for start in range(0, len(text), 40):
            yield ChatGenerationChunk(message=AIMessageChunk(text[start : start + 40]))

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked = str(messages[-1].content) if messages else ""
        for chunk in self._stream(messages):
            yield chunk
            if asked.startswith("fail"):
                raise RuntimeError("the model broke down")
            if asked.startswith("wait"):
                await asyncio.Event().wait()
