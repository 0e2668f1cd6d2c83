"""Every client under test behind the same four verbs.

A library is imported when its contender is built.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from benchmarks.raw import RawClient


@dataclass(frozen=True)
class Contender:
    """How to call one client: `build` takes the base URL, the verbs its result and a prompt."""

    build: Callable[..., Any]
    prompt: Callable[[int], Any]
    text: Callable[[Any], str]
    stream: Callable[[Any, Any], Any] | None = None
    astream: Callable[[Any, Any], Any] | None = None
    ask: Callable[[Any, Any], Any] | None = None
    aask: Callable[[Any, Any], Any] | None = None


def dicts(count: int) -> list[dict[str, str]]:
    """A history of `count` messages that ends with the user's."""
    roles = ["user" if (count - i) % 2 else "assistant" for i in range(count)]
    return [{"role": role, "content": "hi"} for role in roles]


def langchain_prompt(count: int) -> Any:
    """The same history as LangChain messages."""
    from langchain_core.messages import convert_to_messages

    return convert_to_messages(dicts(count))


def llamaindex_prompt(count: int) -> Any:
    """The same history as LlamaIndex messages."""
    from llama_index.core.base.llms.types import ChatMessage

    return [ChatMessage(**message) for message in dicts(count)]


def identity(text: str) -> str:
    """What is already text."""
    return text


def v3_text(event: dict[str, Any]) -> str:
    """The text in an event of LangChain's third event protocol."""
    if event["event"] != "content-block-delta":
        return ""
    return str(event["delta"].get("text", ""))


def delta_text(response: Any) -> str:
    """The new text in a streamed LlamaIndex response."""
    return response.delta or ""


def sdk_text(chunk: Any) -> str:
    """The new text in a chunk of the openai SDK."""
    return chunk.choices[0].delta.content or ""


def event_text(event: Any) -> str:
    """The text in an event of the plain client, nothing in the others."""
    return getattr(event, "text", None) or ""


def build_chat_openai(url: str) -> Any:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(model="bench", api_key=SecretStr("k"), base_url=f"{url}/v1")


def build_openai_like(url: str) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(
        model="bench",
        api_key="k",
        api_base=f"{url}/v1",
        is_chat_model=True,
        is_function_calling_model=True,
    )


def build_chat_bluenexus(url: str, **options: Any) -> Any:
    from langchain_agents import ChatBlueNexus

    return ChatBlueNexus(agent_id="default", api_key="k", base_url=url, **options)


def build_chat_cloudbase_openai(url: str, **options: Any) -> Any:
    from langchain_agents import ChatCloudBaseOpenAI

    return ChatCloudBaseOpenAI(agent_id="bot-1", api_key="k", base_url=url, **options)


def build_bluenexus_llm(url: str, **options: Any) -> Any:
    from llamaindex_agents import BlueNexus

    return BlueNexus(agent_id="default", api_key="k", base_url=url, **options)


def build_cloudbase_openai_llm(url: str, **options: Any) -> Any:
    from llamaindex_agents import CloudBaseOpenAI

    return CloudBaseOpenAI(agent_id="bot-1", api_key="k", base_url=url, **options)


def build_plain(url: str, **options: Any) -> Any:
    import remote_agents

    return remote_agents.BlueNexus(agent_id="default", api_key="k", base_url=url, **options)


def build_fake(url: str) -> Any:
    from langchain_core.language_models import FakeListChatModel

    return FakeListChatModel(responses=["hi"])


def build_chat_agui(url: str, **options: Any) -> Any:
    from langchain_agents import ChatAGUI

    return ChatAGUI(base_url=url, **options)


def with_tools(build: Callable[..., Any]) -> Callable[..., Any]:
    """The model with one tool bound."""

    def search(query: str) -> str:
        """Search the handbook."""
        return query

    return lambda url: build(url).bind_tools([search])


def called_text(chunk: Any) -> str:
    """The new text, and the new arguments of calls, of a chunk."""
    return "".join([chunk.content, *(call["args"] or "" for call in chunk.tool_call_chunks)])


class Sdk:
    """The openai SDK with both of its clients."""

    def __init__(self, url: str) -> None:
        from openai import AsyncOpenAI, OpenAI

        self.client = OpenAI(api_key="k", base_url=f"{url}/v1")
        self.aclient = AsyncOpenAI(api_key="k", base_url=f"{url}/v1")

    def stream(self, messages: Any) -> Any:
        return self.client.chat.completions.create(model="m", messages=messages, stream=True)

    def astream(self, messages: Any) -> Any:
        return self.aclient.chat.completions.create(model="m", messages=messages, stream=True)

    def ask(self, messages: Any) -> Any:
        return self.client.chat.completions.create(model="m", messages=messages)

    def aask(self, messages: Any) -> Any:
        return self.aclient.chat.completions.create(model="m", messages=messages)


class PlainHttpx:
    """What one writes by hand: httpx, its lines, `json.loads`."""

    def __init__(self, url: str) -> None:
        import httpx

        self.url = f"{url}/v1/chat/completions"
        self.client, self.aclient = httpx.Client(), httpx.AsyncClient()

    def stream(self, messages: Any) -> Iterator[str]:
        body = {"messages": messages, "stream": True}
        with self.client.stream("POST", self.url, json=body) as response:
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])["choices"][0]["delta"].get("content", "")

    async def astream(self, messages: Any) -> AsyncIterator[str]:
        body = {"messages": messages, "stream": True}
        async with self.aclient.stream("POST", self.url, json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])["choices"][0]["delta"].get("content", "")

    def ask(self, messages: Any) -> Any:
        return self.client.post(self.url, json={"messages": messages}).json()

    async def aask(self, messages: Any) -> Any:
        return (await self.aclient.post(self.url, json={"messages": messages})).json()


def langchain(
    build: Callable[..., Any], text: Callable[[Any], str] = attrgetter("content")
) -> Contender:
    """A chat model as LangChain calls it."""
    return Contender(
        build=build,
        prompt=langchain_prompt,
        text=text,
        stream=lambda model, prompt: model.stream(prompt),
        astream=lambda model, prompt: model.astream(prompt),
        ask=lambda model, prompt: model.invoke(prompt),
        aask=lambda model, prompt: model.ainvoke(prompt),
    )


def langchain_v3(build: Callable[..., Any]) -> Contender:
    """A chat model through `stream_events(version="v3")`."""
    return Contender(
        build=build,
        prompt=langchain_prompt,
        text=v3_text,
        stream=lambda model, prompt: model.stream_events(prompt, version="v3"),
        astream=lambda model, prompt: model.astream_events(prompt, version="v3"),
    )


def llamaindex(build: Callable[..., Any]) -> Contender:
    """An LLM as LlamaIndex calls it."""
    return Contender(
        build=build,
        prompt=llamaindex_prompt,
        text=delta_text,
        stream=lambda llm, prompt: llm.stream_chat(prompt),
        astream=lambda llm, prompt: llm.astream_chat(prompt),
        ask=lambda llm, prompt: llm.chat(prompt),
        aask=lambda llm, prompt: llm.achat(prompt),
    )


def own_client(build: Callable[[str], Any], text: Callable[[Any], str]) -> Contender:
    """A client whose methods are called as the verbs are."""
    return Contender(
        build=build,
        prompt=dicts,
        text=text,
        stream=lambda client, prompt: client.stream(prompt),
        astream=lambda client, prompt: client.astream(prompt),
        ask=lambda client, prompt: client.ask(prompt),
        aask=lambda client, prompt: client.aask(prompt),
    )


RAW = Contender(
    build=RawClient,
    prompt=dicts,
    text=identity,
    stream=lambda client, _: client.stream(),
    astream=lambda client, _: client.astream(),
    ask=lambda client, _: client.ask(),
    aask=lambda client, _: client.aask(),
)

CONTENDERS: dict[str, Contender] = {
    "raw socket": RAW,
    "httpx": own_client(PlainHttpx, identity),
    "openai SDK": own_client(Sdk, sdk_text),
    "ChatOpenAI": langchain(build_chat_openai),
    "ChatOpenAI v3": langchain_v3(build_chat_openai),
    "OpenAILike": llamaindex(build_openai_like),
    "ChatOpenAI, tools": langchain(with_tools(build_chat_openai), called_text),
    "ChatAGUI": langchain(with_tools(build_chat_agui), called_text),
    "langchain-core alone": langchain(build_fake),
    "remote_agents.BlueNexus": own_client(build_plain, event_text),
    "ChatBlueNexus": langchain(build_chat_bluenexus),
    "ChatBlueNexus v3": langchain_v3(build_chat_bluenexus),
    "ChatCloudBaseOpenAI": langchain(build_chat_cloudbase_openai),
    "llamaindex BlueNexus": llamaindex(build_bluenexus_llm),
    "llamaindex CloudBaseOpenAI": llamaindex(build_cloudbase_openai_llm),
}
