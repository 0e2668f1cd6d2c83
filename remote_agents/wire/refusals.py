"""What the body of a refused request says, in whatever form it comes."""

from __future__ import annotations

from typing import Any

from remote_agents.errors import StreamProtocolError
from remote_agents.wire.parsing import json_or_text, mended
from remote_agents.wire.sse import SSEDecoder


def refusal_body(raw: bytes) -> Any:
    """The JSON of a refusal, also where it is sent as an event of a stream; else its text."""
    body = json_or_text(raw)
    if not isinstance(body, str):
        return body
    decoder = SSEDecoder()
    try:
        frames = [*decoder.feed(raw), *decoder.flush()]
    except StreamProtocolError:
        return body
    return mended(next((value for _, value in frames if isinstance(value, dict)), body))
