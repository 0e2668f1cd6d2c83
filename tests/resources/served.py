"""A client whose service is a function, for answers that no sandbox gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.resources.calls import CLIENTS

ROOT = {
    "cloudbase": "https://env.api.tcloudbasegateway.com",
    "private_ai": "https://pais.example.com",
    "bluenexus": "https://api.bluenexus.ai",
    "maiagent": "https://api.maiagent.ai",
}


def served(endpoint: str, answer: Callable[[httpx.Request], Any], **settings: Any) -> Any:
    """A plain client; `answer` gives a JSON value or an `httpx.Response` for each request."""

    def handle(request: httpx.Request) -> httpx.Response:
        value = answer(request)
        return value if isinstance(value, httpx.Response) else httpx.Response(200, json=value)

    transport = httpx.MockTransport(handle)
    given = {"agent_id": "a1", "api_key": "secret", "base_url": ROOT[endpoint], **settings}
    return CLIENTS[endpoint](
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
        **given,
    )
