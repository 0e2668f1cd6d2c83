"""Words are handed on as they come, and a stream that is left ends the turn."""

from __future__ import annotations

import time

from remote_agents.client import Client
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.marks import in_each_face, sync_and_async
from remote_agents.testing.ways import Way, asked

WORD_DELAY = 0.02


@sync_and_async
@in_each_face
def test_each_word_is_in_hand_before_the_next_is_sent(
    slow_agent_box: Sandbox, agent_service: str, framework: str, awaited: bool
) -> None:
    settings = slow_agent_box.kwargs(agent_service)
    way = Way(framework, agent_service, streamed=True, awaited=awaited, **settings)

    answer = asked(way, "Count to 12")

    # Replayed from a whole answer, the pieces would come together at the end. On a busy machine
    # some words arrive together, but the first is in hand long before the last is sent.
    assert len(answer.pieces) >= 2
    assert answer.times[-1] - answer.times[0] > 6 * WORD_DELAY


def test_a_stream_that_is_left_is_closed(slow_agent_box: Sandbox, agent_service: str) -> None:
    slow_agent_box.reset()
    client = Client.kind_of(ENDPOINTS[agent_service])(**slow_agent_box.kwargs(agent_service))
    events = client.stream("Count to 60")
    next(events)
    events.close()
    for _ in range(100):
        if slow_agent_box.requests(agent_service)[-1]["outcome"] == "disconnected":
            break
        time.sleep(0.02)
    assert slow_agent_box.requests(agent_service)[-1]["outcome"] == "disconnected"
    assert client.ask("Hello").text
