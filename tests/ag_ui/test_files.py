"""Files of an AG-UI agent's dialogue go into their messages, and along with them ever after."""

import base64
from pathlib import Path
from typing import Any

import pytest

from remote_agents import AGUI, Attachment, Message
from remote_agents.sandbox import Sandbox
from tests.ag_ui.runs import FINISHED, run, whole
from tests.raw_server import serving

FILES = {
    "bytes": lambda _: Attachment("image", data=b"PNG", mime_type="image/png", filename="a.png"),
    "a path": lambda path: Attachment.from_path(path, kind="image"),
    "a link": lambda _: Attachment("image", url="https://example.com/a.png"),
}


def sources(sandbox: Sandbox) -> list[list[Any]]:
    """What each request held of files."""
    asked = [request["body"]["messages"] for request in sandbox.requests("ag_ui")]
    return [[part["source"] for part in images(messages)] for messages in asked]


def images(messages: list[Any]) -> list[Any]:
    parted = [m["content"] for m in messages if isinstance(m["content"], list)]
    return [part for content in parted for part in content if part["type"] == "image"]


@pytest.mark.parametrize("awaited", [False, True])
async def test_a_person_answers_when_the_file_is_gone(tmp_path: Path, awaited: bool) -> None:
    """LangGraph's command goes without messages, and may come much later."""
    path = tmp_path / "a.png"
    path.write_bytes(b"PNG")
    asks = {"type": "CUSTOM", "name": "on_interrupt", "value": "Sure?"}
    with serving(run(asks, FINISHED), run(*whole("1", "Done."), FINISHED)) as server:
        agent = AGUI(base_url=server.url, max_retries=0)
        question = Message("user", "Delete it.", [Attachment.from_path(path, kind="image")])
        paused = agent.ask([question])
        path.unlink()
        history = [question, paused]
        asked = agent.aask(history, resume="yes") if awaited else None
        reply = await asked if asked else agent.ask(history, resume="yes")
    assert reply.text == "Done."


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("awaited", [False, True])
async def test_a_file_goes_along_in_each_turn(
    sandbox: Sandbox, tmp_path: Path, form: str, awaited: bool
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"PNG")
    agent = AGUI(**sandbox.kwargs("ag_ui"))

    async def ask(*messages: Any) -> Any:
        return await agent.aask([*messages]) if awaited else agent.ask([*messages])

    reply = await ask(Message("user", "What is on it?", [FILES[form](path)]))
    # Whoever keeps a history in a database makes its messages anew each time.
    await ask(Message("user", "What is on it?", [FILES[form](path)]), reply, "And now?")
    first, second = sources(sandbox)
    assert first == second
    if form == "a link":
        assert first == [{"type": "url", "value": "https://example.com/a.png"}]
    else:
        assert base64.b64decode(first[0]["value"]) == b"PNG"
        assert first[0]["mimeType"] == "image/png"
