"""A file of a message is read in each turn, and stays as its owner gave it."""

from __future__ import annotations

import base64
import copy
from pathlib import Path

import pytest

from remote_agents import ENDPOINTS, Attachment, Message
from remote_agents.sandbox import Sandbox
from tests.memory.ways import WAYS, ask, client

TAKING = tuple(name for name, facts in ENDPOINTS.items() if facts.uploads)


@pytest.mark.parametrize("service", TAKING)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("memory", ["client", "server"])
async def test_nothing_is_written_into_a_file(
    sandbox: Sandbox, tmp_path: Path, service: str, way: str, memory: str
) -> None:
    path = tmp_path / "plan.txt"
    path.write_text("the plan")
    agent, file = client(sandbox, service, memory=memory), Attachment("file", path=str(path))
    message = Message("user", "What is in it?", [file])
    before = copy.deepcopy(message)
    reply = await ask(agent, way, [message])
    await ask(agent, way, [message, reply, "And now?"])
    assert message == before


@pytest.mark.parametrize("way", WAYS)
async def test_a_file_that_was_changed_is_sent_as_it_is(
    sandbox: Sandbox, tmp_path: Path, way: str
) -> None:
    path = tmp_path / "plan.txt"
    agent, file = client(sandbox, "ag_ui"), Attachment.from_path(path)
    sent = []
    for content in ("old", "new"):
        path.write_text(content)
        await ask(agent, way, "What is in it?", attachments=[file])
        (*_, part) = sandbox.requests("ag_ui")[-1]["body"]["messages"][-1]["content"]
        sent.append(base64.b64decode(part["source"]["value"]))
    assert sent == [b"old", b"new"]
