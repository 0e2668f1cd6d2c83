"""An instruction that says nothing, as frameworks send where an application gave them none."""

import itertools
import json
from typing import Any

import pytest
from langchain_core.messages import SystemMessage
from llama_index.core.llms import ChatMessage

from remote_agents import InMemorySessionStore, Message
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, Way
from tests.boxes import Shared

EMPTY: dict[str, Any] = {
    "plain": Message("system", ""),
    "langchain": SystemMessage(""),
    "llamaindex": ChatMessage(role="system", content=""),
}
BOTH = (False, True)


@pytest.mark.parametrize(
    ("face", "streamed", "awaited", "service"),
    [*itertools.product(FRAMEWORKS, BOTH, BOTH, sorted(ENDPOINTS))],
)
async def test_it_is_not_sent_and_its_absence_changes_no_dialogue(
    sandbox: Shared, face: str, streamed: bool, awaited: bool, service: str
) -> None:
    settings = {**sandbox.kwargs(service), "session_store": InMemorySessionStore()}
    way = Way(face, service, streamed=streamed, awaited=awaited, **settings)
    told = way.question("My secret word is zebra-17.")
    first = await way.send([EMPTY[face], told], "u1")
    history = [told, first.message]
    second = await way.ask("What is my secret word?", history, "u1")
    assert "zebra-17" in second.text
    kept = ENDPOINTS[service].keeps != "none"
    assert second.metadata.get("memory_reason") == ("history" if kept else None)
    bodies = [json.dumps(request["body"]) for request in sandbox.requests(service)]
    assert bodies
    assert not [body for body in bodies if '"content": ""' in body]
