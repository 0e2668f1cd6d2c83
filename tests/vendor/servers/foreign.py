"""AG-UI servers that others wrote, around models that say what they saw.

`python foreign.py SOCKET KIND`
"""

import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI

SOCKET, KIND = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]


def langgraph(app: FastAPI) -> None:
    from ag_ui_langgraph import LangGraphAgent, add_langgraph_fastapi_endpoint
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import interrupt
    from scripted import Scripted, State, compiled

    async def chat(state: State, config: RunnableConfig) -> dict[str, Any]:
        if str(state["messages"][-1].content).startswith("delete"):
            said = interrupt({"question": "May I?"})
            return {"messages": [("ai", f"You said {said!r}")]}
        model = Scripted(tools=[dict(tool) for tool in state.get("tools") or []])
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    agent = LangGraphAgent(name="hr", graph=compiled(chat))
    add_langgraph_fastapi_endpoint(app, agent, "/agent")


def pydantic_ai(app: FastAPI) -> None:
    from pydantic_ai import Agent, DeferredToolRequests
    from pydantic_ai.messages import ModelMessage, ToolReturnPart, UserPromptPart
    from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
    from pydantic_ai.ui.ag_ui import AGUIAdapter
    from starlette.requests import Request
    from starlette.responses import Response

    async def said(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        parts = [part for message in messages for part in message.parts]
        seen = [["human", p.content] for p in parts if isinstance(p, UserPromptPart)]
        results = [p.content for p in parts if isinstance(p, ToolReturnPart)]
        asked = str(seen[-1][1]) if not results else ""
        names = [tool.name for tool in info.function_tools if tool.name != "delete_city"]
        names = ["delete_city"] if asked.startswith("delete") else names if "call" in asked else []
        for name in names[:1]:
            yield {0: DeltaToolCall(name=name, json_args='{"city": "Paris"}', tool_call_id="c1")}
            return
        yield "I SAW " + json.dumps([seen + [["tool", r] for r in results], {}], default=str)

    agent = Agent(FunctionModel(stream_function=said), output_type=[str, DeferredToolRequests])

    @agent.tool_plain(requires_approval=True)
    def delete_city(city: str) -> str:
        return f"{city} is gone"

    @app.post("/agent")
    async def run(request: Request) -> Response:
        return await AGUIAdapter.dispatch_request(request, agent=agent)


def llama_index(app: FastAPI) -> None:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
    from llama_index.core.llms.function_calling import FunctionCallingLLM
    from llama_index.core.llms.mock import MockLLM
    from llama_index.protocols.ag_ui.router import get_ag_ui_workflow_router

    class Said(MockLLM, FunctionCallingLLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(is_function_calling_model=True, is_chat_model=True)

        def _prepare_chat_with_tools(self, tools: Any, **known: Any) -> dict[str, Any]:
            return {"messages": known.get("chat_history") or []}

        def get_tool_calls_from_response(self, response: Any, **known: Any) -> list[Any]:
            return []

        async def astream_chat(self, messages: Any, **known: Any) -> Any:
            names = {"user": "human", "assistant": "ai"}
            seen = [[names.get(m.role.value, m.role.value), m.content] for m in messages]
            seen = [[kind, "..." if kind == "ai" else text] for kind, text in seen]
            text = "I SAW " + json.dumps([seen, {}])

            async def pieces() -> AsyncIterator[ChatResponse]:
                for end in range(20, len(text) + 20, 20):
                    message = ChatMessage(text[:end], role="assistant")
                    yield ChatResponse(message=message, delta=text[end - 20 : end])

            return pieces()

    app.include_router(get_ag_ui_workflow_router(llm=Said()), prefix="/agent")


def agno(app: FastAPI) -> None:
    from agno.agent import Agent
    from agno.db.in_memory import InMemoryDb
    from agno.models.base import Model
    from agno.models.response import ModelResponse
    from agno.os.interfaces.agui import AGUI

    class Said(Model):
        def said(self, messages: list[Any], tools: Any) -> list[ModelResponse]:
            names = {"user": "human", "assistant": "ai"}
            seen = [[names.get(m.role, m.role), m.content] for m in messages if m.role != "system"]
            seen = [[kind, "..." if kind == "ai" else text] for kind, text in seen]
            if tools and seen[-1][0] == "human" and "call" in seen[-1][1]:
                call = {"name": tools[0]["function"]["name"], "arguments": '{"city": "Paris"}'}
                called = {"id": f"c{len(seen)}", "type": "function", "function": call}
                return [ModelResponse(role="assistant", tool_calls=[called])]
            text = "I SAW " + json.dumps([seen, {}])
            return [ModelResponse(content=text[at : at + 20]) for at in range(0, len(text), 20)]

        async def ainvoke_stream(self, messages: Any, **known: Any) -> AsyncIterator[ModelResponse]:
            for each in self.said(messages, known.get("tools")):
                yield each

        def _unused(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError("AG-UI streams with asyncio")

        invoke = ainvoke = invoke_stream = _parse_provider_response = _unused
        _parse_provider_response_delta = _unused

    agent = Agent(model=Said(id="said"), db=InMemoryDb(), add_history_to_context=True)
    app.include_router(AGUI(agent=agent).get_router())


def adk(app: FastAPI) -> None:
    """Google's Agent Development Kit."""
    from ag_ui_adk import ADKAgent, AGUIToolset, add_adk_fastapi_endpoint
    from google.adk.agents import LlmAgent
    from google.adk.models.base_llm import BaseLlm
    from google.adk.models.llm_response import LlmResponse
    from google.adk.tools import FunctionTool
    from google.genai.types import Content, FunctionCall, Part

    class Said(BaseLlm):
        model: str = "said"

        async def generate_content_async(self, request: Any, stream: bool = False) -> Any:
            parts = [(c.role, part) for c in request.contents for part in c.parts or ()]
            seen = [told for told in (self.told(*each) for each in parts) if told]
            asked = seen[-1][1] if seen[-1][0] == "human" else ""
            names = [name for name in request.tools_dict if name != "delete_city"]
            names = (
                ["delete_city"] if asked.startswith("delete") else names if "call" in asked else []
            )
            for name in names[-1:]:
                call = FunctionCall(name=name, args={"city": "Paris"}, id=f"c{len(seen)}")
                yield LlmResponse(content=Content(role="model", parts=[Part(function_call=call)]))
                return
            text = "I SAW " + json.dumps([seen, {}])
            for piece in (text[at : at + 20] for at in range(0, len(text), 20)):
                content = Content(role="model", parts=[Part(text=piece)])
                yield LlmResponse(content=content, partial=True)
            yield LlmResponse(content=Content(role="model", parts=[Part(text=text)]))

        def told(self, role: str, part: Any) -> list[str] | None:
            if part.function_response:
                given = part.function_response.response
                return ["tool", given.get("result") or given["error"]]
            if part.function_call:
                return None
            return ["ai", "..."] if role == "model" else ["human", part.text]

    def delete_city(city: str) -> str:
        """Take a city away."""
        return f"{city} is gone"

    own = FunctionTool(delete_city, require_confirmation=True)
    agent = LlmAgent(name="hr", model=Said(), tools=[own, AGUIToolset()])
    known = ADKAgent(
        adk_agent=agent,
        app_name="hr",
        user_id="u",
        use_in_memory_services=True,
        emit_interrupt_outcome=True,
    )
    add_adk_fastapi_endpoint(app, known, path="/agent")


def strands(app: FastAPI) -> None:
    """Strands, Amazon's."""
    from ag_ui_strands import StrandsAgent, add_strands_fastapi_endpoint
    from strands import Agent
    from strands.models.model import Model

    class Said(Model):
        def get_config(self) -> dict[str, str]:
            return {"model_id": "said"}

        def update_config(self, **config: Any) -> None:
            raise NotImplementedError

        def structured_output(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

        async def stream(self, messages: Any, tool_specs: Any = None, *_: Any, **__: Any) -> Any:
            parts = [(m["role"], part) for m in messages for part in m["content"]]
            seen = [told for told in (self.told(*each) for each in parts) if told]
            yield {"messageStart": {"role": "assistant"}}
            if tool_specs and seen[-1][0] == "human" and "call" in seen[-1][1]:
                call = {"name": tool_specs[0]["name"], "toolUseId": f"c{len(seen)}"}
                yield {"contentBlockStart": {"start": {"toolUse": call}}}
                delta: Any = {"toolUse": {"input": '{"city": "Paris"}'}}
                yield {"contentBlockDelta": {"delta": delta}}
            else:
                text = "I SAW " + json.dumps([seen, {}])
                yield {"contentBlockStart": {"start": {}}}
                for at in range(0, len(text), 20):
                    yield {"contentBlockDelta": {"delta": {"text": text[at : at + 20]}}}
            yield {"contentBlockStop": {}}
            calls = seen[-1][0] == "human" and "call" in seen[-1][1] and tool_specs
            yield {"messageStop": {"stopReason": "tool_use" if calls else "end_turn"}}

        def told(self, role: str, part: Any) -> list[str] | None:
            if "toolResult" in part:
                return ["tool", part["toolResult"]["content"][0]["text"]]
            if "text" not in part:
                return None
            # Instructions stand before the question once more, as its context.
            text = part["text"].rpartition("\n\n")[2]
            return ["ai", "..."] if role == "assistant" else ["human", text]

    agent = StrandsAgent(Agent(model=Said()), name="hr", description="hr")
    add_strands_fastapi_endpoint(app, agent, "/agent")


def ag2(app: FastAPI) -> None:
    """AG2, which AutoGen's first authors go on with."""
    from ag2 import Agent, events, tool
    from ag2.ag_ui import AGUIStream
    from ag2.config import ModelProvider
    from ag2.middleware import approval_required

    class Said:
        provider, model = ModelProvider.OPENAI, "said"

        def copy(self) -> "Said":
            return self

        create = copy

        async def __call__(self, messages: Any, context: Any, *, tools: Any, **known: Any) -> Any:
            seen = [told for message in messages for told in self.told(message)]
            asked = seen[-1][1] if seen[-1][0] == "human" else ""
            names = [each.function.name for each in tools]
            names = (
                names[:1] if asked.startswith("delete") else names[1:] if "call" in asked else []
            )
            for name in names:
                call = events.ToolCallEvent(id=f"c{len(seen)}", name=name, arguments=ARGUMENTS)
                return events.ModelResponse(tool_calls=events.ToolCallsEvent([call]))
            text = "I SAW " + json.dumps([seen, {}])
            for at in range(0, len(text), 20):
                await context.send(events.ModelMessageChunk(text[at : at + 20]))
            await context.send(events.ModelMessage(text))
            return events.ModelResponse(events.ModelMessage(text))

        def told(self, message: Any) -> list[list[str]]:
            if isinstance(message, events.ModelRequest):
                return [["human", part.content] for part in message.parts]
            if isinstance(message, events.ToolResultsEvent):
                return [["tool", result.result.parts[0].content] for result in message.results]
            said = isinstance(message, events.ModelResponse) and message.message
            return [["ai", "..."]] if said else []

    @tool(middleware=[approval_required()])
    def delete_city(city: str) -> str:
        """Take a city away."""
        return f"{city} is gone"

    agent = Agent("hr", config=Said(), tools=[delete_city])
    app.mount("/agent", AGUIStream(agent, require_resume_proof=True).build_asgi())


ARGUMENTS = '{"city": "Paris"}'
app = FastAPI()
KINDS = {
    "langgraph": langgraph,
    "pydantic_ai": pydantic_ai,
    "llama_index": llama_index,
    "agno": agno,
    "adk": adk,
    "strands": strands,
    "ag2": ag2,
}
KINDS[KIND](app)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[SOCKET])
