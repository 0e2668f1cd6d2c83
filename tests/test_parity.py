"""Endpoints x frameworks x sync or async x streamed or not: one answer."""

from collections.abc import Iterator

import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from tests.matrix import ENDPOINT_NAMES, FRAMEWORKS, Way

QUESTION = "How many vacation days do I get?"
FOLLOW_UP = "And what about part-time staff?"
WORD_DELAY = 0.02
ways = pytest.mark.parametrize(
    ("framework", "streamed", "awaited"),
    [
        pytest.param(f, s, a, id=f"{f}-{'stream' if s else 'whole'}-{'async' if a else 'sync'}")
        for f in FRAMEWORKS
        for s in (False, True)
        for a in (False, True)
    ],
)


@ways
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_every_way_gives_the_same_answer_and_remembers_it(
    sandbox: Sandbox, endpoint: str, framework: str, streamed: bool, awaited: bool
) -> None:
    settings = sandbox.kwargs(endpoint)
    way = Way(framework, endpoint, streamed=streamed, awaited=awaited, **settings)
    session = f"parity-{framework}-{streamed}-{awaited}"
    question = way.question(QUESTION)

    first = await way.ask(QUESTION, session=session)
    second = await way.ask(FOLLOW_UP, [question, first.message], session=session)

    assert "25 vacation days" in first.text
    assert "12.5 days" in second.text
    for answer in (first, second):
        assert answer.metadata["finish_reason"] == "stop"
        assert answer.metadata["model_provider"] == endpoint
        host = settings["base_url"].removeprefix("http://")
        assert answer.metadata["agent"] == f"{endpoint}:{settings['agent_id']}@{host}"
        assert answer.metadata["reply_id"]
        if streamed:
            assert "".join(answer.pieces) == answer.text
    kept = ENDPOINTS[endpoint].keeps != "none"
    assert bool(first.metadata.get("conversation_id")) is kept
    assert first.metadata.get("conversation_id") == second.metadata.get("conversation_id")
    turns = sandbox.turns(endpoint)
    assert [turn["conversation_id"] for turn in turns] == [
        first.metadata.get("conversation_id")
    ] * 2
    only_new = kept and not ENDPOINTS[endpoint].context
    assert len(turns[1]["messages"]) == (1 if only_new else 3)


@ways
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_a_stop_keeps_the_conversation(
    sandbox: Sandbox, endpoint: str, framework: str, streamed: bool, awaited: bool
) -> None:
    settings = {**sandbox.kwargs(endpoint), "stop": ["vacation days"]}
    way = Way(framework, endpoint, streamed=streamed, awaited=awaited, **settings)
    session = f"stopped-{framework}-{streamed}-{awaited}"

    first = await way.ask(QUESTION, session=session)
    second = await way.ask(FOLLOW_UP, session=session)

    assert first.text.rstrip().endswith("25")
    assert first.metadata["finish_reason"] == "stop"
    kept = ENDPOINTS[endpoint].keeps != "none"
    assert bool(first.metadata.get("conversation_id")) is kept
    assert first.metadata.get("conversation_id") == second.metadata.get("conversation_id")


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_each_word_is_in_hand_before_the_next_is_sent(
    slow_sandbox: Sandbox, endpoint: str, framework: str, awaited: bool
) -> None:
    settings = slow_sandbox.kwargs(endpoint)
    way = Way(framework, endpoint, streamed=True, awaited=awaited, **settings)

    answer = await way.ask("Count to 12")

    # Replayed from a whole answer, the pieces would come together at the end. On a busy machine
    # some words arrive together, but the first is in hand long before the last is sent.
    assert len(answer.pieces) >= 4
    assert answer.times[-1] - answer.times[0] > 6 * WORD_DELAY


@pytest.fixture(scope="module")
def slow_sandbox() -> Iterator[Sandbox]:
    with Sandbox(rate_limit="none", word_delay=WORD_DELAY) as box:
        yield box
