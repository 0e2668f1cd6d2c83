"""An account with nothing left is told apart from one that may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remote_agents import QuotaExceededError
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way


@pytest.fixture
def penniless(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.configure(credits=0)
    yield sandbox
    sandbox.configure(credits=20_000)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_used_up_credits(
    framework: str, awaited: bool, streamed: bool, penniless: Sandbox
) -> None:
    settings = penniless.kwargs("bluenexus")
    way = Way(framework, "bluenexus", streamed=streamed, awaited=awaited, **settings)
    with pytest.raises(QuotaExceededError, match="Insufficient credit balance") as caught:
        await way.ask("Hello")
    assert caught.value.code == "CreditsExhaustedError"
    assert caught.value.status_code == 402
    assert len(penniless.requests("bluenexus")) == 1
