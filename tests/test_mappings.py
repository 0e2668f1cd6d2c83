"""Messages of a plain client that are mappings, as chat pages and OpenAI's clients keep them."""

from typing import Any

import pytest

from remote_agents import ClientToolCall, UnsupportedContentError
from remote_agents.client import Client
from remote_agents.prompts import as_messages
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import make

CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "book", "arguments": '{"city": "北京"}'},
}
HISTORY = [
    {"role": "user", "content": "Lunch?", "name": "Alice"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "table 77", "tool_call_id": "1", "name": "book"},
    {"role": "user", "content": "When is salary paid?", "name": "Bob"},
]


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("service", ENDPOINTS)
async def test_names_and_calls_of_tools_are_sent(
    sandbox: Sandbox, service: str, awaited: bool
) -> None:
    agent: Client = make("plain", service, **sandbox.kwargs(service))
    reply = await agent.aask(HISTORY) if awaited else agent.ask(HISTORY)
    assert "25th" in str(reply)
    sent = str(sandbox.requests(service)[-1]["body"])
    assert all(said in sent for said in ("Alice", "Bob", "book", "北京", "table 77"))


def test_a_call_is_read_in_either_form() -> None:
    wanted = ClientToolCall("1", "book", {"city": "北京"})
    own = {"id": "1", "name": "book", "arguments": {"city": "北京"}}
    for given in (CALL, own, wanted):
        (message,) = as_messages([{"role": "assistant", "content": "", "tool_calls": [given]}])
        assert list(message.tool_calls) == [wanted]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 7},
        {"tool_call_id": ["1"]},
        {"tool_calls": 7},
        {"tool_calls": ["book"]},
        {"tool_calls": [{"id": "1"}]},
        {"tool_calls": [{"id": "1", "name": "book", "arguments": "{bad"}]},
        {"tool_calls": [{"id": "1", "name": "book", "arguments": "[" * 100_000}]},
    ],
)
def test_what_cannot_be_read_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedContentError, match=next(iter(wrong))):
        as_messages([{"role": "assistant", "content": "", **wrong}])
