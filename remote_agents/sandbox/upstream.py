"""A real model behind the protocols: any OpenAI-compatible server."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator

import httpx

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.serving.wire import Refusal


class Upstream:
    """Passes a conversation to ``{url}/chat/completions`` and streams the text back.

    The model is the first that the server lists; a key is read from OPENAI_API_KEY.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.model: str | None = None

    async def stream(self, ask: Ask) -> AsyncIterator[str]:
        """The pieces of the answer; `Refusal` says what is wrong with the server."""
        try:
            async for text in self._texts(ask):
                yield text
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise Refusal(502, f"The upstream {self.url} failed: {reason}") from error

    async def _texts(self, ask: Ask) -> AsyncIterator[str]:
        key = os.environ.get("OPENAI_API_KEY")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(headers=headers, timeout=120, trust_env=False) as client:
            body = await self._body(client, ask)
            async with client.stream("POST", f"{self.url}/chat/completions", json=body) as reply:
                reply.raise_for_status()
                async for line in reply.aiter_lines():
                    if text := _text_of(line):
                        yield text

    async def _body(self, client: httpx.AsyncClient, ask: Ask) -> JsonObject:
        self.model = self.model or await self._first_model(client)
        messages = [{"role": role, "content": text} for role, text in ask.dialogue]
        body: JsonObject = {"model": self.model, "messages": messages, "stream": True}
        if ask.limit is not None:
            body["max_tokens"] = ask.limit
        if ask.stop:
            body["stop"] = list(ask.stop)
        return body

    async def _first_model(self, client: httpx.AsyncClient) -> str:
        reply = await client.get(f"{self.url}/models")
        listed = reply.json().get("data") if reply.is_success else None
        return str(listed[0]["id"]) if listed else "default"


def _text_of(line: str) -> str:
    if not line.startswith("data:") or line.endswith("[DONE]"):
        return ""
    choices = json.loads(line[5:]).get("choices") or [{}]
    return (choices[0].get("delta") or {}).get("content") or ""
