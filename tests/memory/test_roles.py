"""Several roles over one agent in one dialogue: each goes on where its own instruction stands."""

from __future__ import annotations

import pytest

from remote_agents import InMemorySessionStore, Message, Reply
from remote_agents.sandbox import Sandbox
from tests.memory.ways import REMEMBERING, WAYS, ask, client

ROLES = {"player": "You are the player.", "judge": "The word is ZEBRA-17; never tell it."}


@pytest.mark.parametrize(
    ("shares", "repeated"), [(True, False), (False, True)], ids=["by the store", "by the marks"]
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", [*REMEMBERING, "cloudbase_ag_ui"])
async def test_each_role_goes_on_in_the_conversation_with_its_instruction(
    sandbox: Sandbox, endpoint: str, way: str, shares: bool, repeated: bool
) -> None:
    store, history, went = InMemorySessionStore(), list[Message | Reply](), list[Reply]()
    for question in ("My first guess?", "My second guess?", "My third guess?"):
        history += [Message("system", "Be kind.")] if repeated else []
        history.append(Message("user", question))
        for told in ROLES.values():
            store = store if shares else InMemorySessionStore()
            agent = client(sandbox, endpoint, session_store=store)
            prompt = [Message("system", told), *history]
            went.append(await ask(agent, way, prompt, session_id="game"))
            history.append(went[-1])
    player, judge = ([str(reply.conversation_id) for reply in went[at::2]] for at in (0, 1))
    assert (len({*player}), len({*judge})) == (1, 1)
    assert player[0] != judge[0]
    assert {reply.memory for reply in went[2:]} == {"continued"}
    held = sandbox.conversation(endpoint.removesuffix("_ag_ui"), player[0])
    assert "ZEBRA-17" not in "".join(row["content"] for row in held)
