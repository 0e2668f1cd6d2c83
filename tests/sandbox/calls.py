"""Raw HTTP for each of the services, written anew from their documents."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.app.app import PROTOCOLS
from remote_agents.sandbox.directory import AGENTS

ENDPOINTS = tuple(AGENTS)
PLAIN = tuple(name for name in ENDPOINTS if name not in ("cloudbase", "ag_ui"))  # only stream
BOTH = [(name, stream) for name in ENDPOINTS for stream in (True, False) if stream or name in PLAIN]


@dataclass
class Caller:
    """Asks the agents of one sandbox."""

    box: Sandbox
    http: httpx.Client

    def headers(self, endpoint: str) -> dict[str, str]:
        scheme = "Api-Key" if endpoint == "maiagent" else "Bearer"
        return {"authorization": f"{scheme} {self.box.agents[endpoint]['api_key']}"}

    def path(self, endpoint: str, agent: str | None = None) -> str:
        agent = agent or self.box.agents[endpoint]["agent_id"]
        known = {
            "ag_ui": f"/ag-ui/{agent}",
            "cloudbase": f"/v1/aibot/bots/{agent}/send-message",
            "cloudbase_openai": "/v1/aibot/openai/chat/completions",
            "private_ai": f"/api/v1/compatibility/openai/v1/agents/{agent}/chat/completions",
            "bluenexus": f"/api/v1/agents/{agent}/chat/completions",
            "maiagent": f"/api/chatbots/{agent}/completions/",
        }
        return known.get(endpoint) or first_route(endpoint, agent)

    def body(
        self, endpoint: str, question: Any, stream: bool = False, **more: Any
    ) -> dict[str, Any]:
        messages = question if isinstance(question, list) else [user(question)]
        if endpoint == "cloudbase":
            history = messages[:-1]
            return {"msg": messages[-1]["content"], "history": history, **more}
        if endpoint == "ag_ui":
            named = [{"id": f"m{n}", **message} for n, message in enumerate(messages)]
            return {"threadId": f"t{uuid.uuid4()}", "runId": "r1", "messages": named, **more}
        if endpoint == "maiagent":
            message = {"content": messages[-1]["content"], "attachments": []}
            return {"message": message, "isStreaming": stream, **more}
        if endpoint == "cloudbase_openai":
            more["model"] = self.box.agents[endpoint]["agent_id"]
        return {"messages": messages, "stream": stream, **more}

    def post(
        self, endpoint: str, question: Any = "Hello", stream: bool = False, **more: Any
    ) -> httpx.Response:
        body = self.body(endpoint, question, stream, **more)
        return self.http.post(self.path(endpoint), json=body, headers=self.headers(endpoint))

    def ask(self, endpoint: str, question: Any, stream: bool = False, **more: Any) -> str:
        reply = self.post(endpoint, question, stream, **more)
        assert reply.status_code == 200, reply.text
        return text_of(reply)


def first_route(endpoint: str, agent: str) -> str:
    """Where the sandbox answers a turn, for a service that has no path here."""
    return re.sub(r"\{\w+\}", agent, PROTOCOLS[endpoint].routes[0].path)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def frames(reply: httpx.Response) -> list[Any]:
    """The JSON frames of a stream."""
    assert reply.headers["content-type"].startswith("text/event-stream"), reply.text
    lines = [line[6:] for line in reply.text.split("\n\n") if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def text_of(reply: httpx.Response) -> str:
    """The answer's text, from a stream or a body of any of the services."""
    if reply.headers["content-type"].startswith("text/event-stream"):
        return "".join(delta(frame) for frame in frames(reply))
    body = reply.json()
    return str(body["choices"][0]["message"]["content"] if "choices" in body else body["content"])


def delta(frame: dict[str, Any]) -> str:
    kind = frame.get("type", "")
    if "choices" in frame:
        return str(frame["choices"][0]["delta"].get("content", ""))
    if kind.isupper():
        return str(frame.get("delta", "")) if kind == "TEXT_MESSAGE_CONTENT" else ""
    return str(frame["content"]) if kind in ("", "text") else ""
