import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from remote_agents.sandbox import Sandbox
from tests.sandbox.calls import BOTH, Caller


class Model(BaseHTTPRequestHandler):
    """An OpenAI-compatible server of ten lines."""

    def do_GET(self) -> None:
        self._send(json.dumps({"data": [{"id": "tiny"}]}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        last = asked["messages"][-1]["content"]
        pieces = [asked["model"], " heard: ", last]
        chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
        self._send("".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n")

    def _send(self, text: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def model() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Model) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_a_model_can_stand_behind_it(model: str) -> None:
    with (
        Sandbox(upstream=model) as box,
        httpx.Client(base_url=box.url, trust_env=False) as http,
    ):
        call = Caller(box, http)
        for stream in (True, False):
            assert call.ask("bluenexus", "Ahoy", stream) == "tiny heard: Ahoy"
        assert call.ask("cloudbase", "Ahoy") == "tiny heard: Ahoy"


@pytest.fixture(scope="module")
def alone() -> Iterator[Sandbox]:
    """A sandbox whose model is not there."""
    with Sandbox(upstream="http://127.0.0.1:9/v1", rate_limit=None) as box:
        yield box


@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_a_model_that_is_not_there_is_named(alone: Sandbox, endpoint: str, stream: bool) -> None:
    with httpx.Client(base_url=alone.url, trust_env=False) as http:
        reply = Caller(alone, http).post(endpoint, "Ahoy", stream)
    assert reply.status_code == (200 if stream else 502)
    assert "The upstream http://127.0.0.1:9/v1 failed: " in reply.text
