"""What this library asked a vendor's server when it was captured, it asks today."""

import pytest

from remote_agents import Replay
from tests.vendor.capturing import CAPTURES, WIRE


@pytest.mark.parametrize("name", CAPTURES)
def test_the_requests_are_those_that_were_answered(name: str) -> None:
    capture = CAPTURES[name]
    with (
        Replay(WIRE / f"{name}.txt") as replay,
        capture.kind(**replay.kwargs(), **capture.settings, max_retries=0) as agent,
    ):
        capture.ask(agent)
        assert (replay.left, replay.refused) == (0, [])
