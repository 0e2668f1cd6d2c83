"""Questions that a user may want to ask next, fetched behind an answer where that is asked for."""

from __future__ import annotations

from collections.abc import Callable

from remote_agents.flow import Call, Flow, Request
from remote_agents.services.cloudbase.frames import decode
from remote_agents.types import Reply, Turn
from remote_agents.wire.parsing import mended
from remote_agents.wire.sse import SSEDecoder


def suggesting(path: str, asked: Turn) -> Callable[[Reply], Flow[None]] | None:
    """What to do after a turn's answer; None where no questions were asked for.

    Args:
        path: The agent's path.
        asked: The turn.
    """
    if not asked.options.get("suggest"):
        return None

    def after(reply: Reply) -> Flow[None]:
        dialogue = [*asked.history, *asked.messages]
        said = [{"role": m.role, "content": m.content} for m in dialogue]
        said.append({"role": "assistant", "content": reply.text})
        body = {"msg": dialogue[-1].content, "history": said}
        # Not repeated: whoever waits has the answer, and waits for its end.
        answer = yield Call(Request("POST", f"{path}/recommend-questions", json=body, stream=True))
        reply.suggested_questions = questions_in(answer.data)

    return after


def questions_in(data: object) -> list[str]:
    """The questions of an answer to `recommend-questions`, which is a stream with one a line."""
    said = Reply("cloudbase", "")
    frames = [data]
    if isinstance(data, str):
        decoder = SSEDecoder()
        found = [*decoder.feed(data.encode()), *decoder.flush()]
        frames = [value for _, value in found]
    for frame in frames:
        for event in decode(frame, said) if isinstance(frame, dict) else ():
            said.add(event)
    return [line.strip() for line in mended(said.text).splitlines() if line.strip()]
