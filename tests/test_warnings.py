"""Warnings are told at the caller's line: those of a turn each time, those of an argument once."""

import itertools
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from remote_agents import BlueNexus, InMemorySessionStore
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way

each_shape = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
each_loop = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
WAYS = [*itertools.product(FRAMEWORKS, [False, True], [False, True])]
each_way = pytest.mark.parametrize("way", WAYS, ids=str, indirect=True)
EMPTY = {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}


@pytest.fixture
def told() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        yield shown


@pytest.fixture
def way(request: pytest.FixtureRequest, sandbox: Sandbox) -> Way:
    framework, streamed, awaited = request.param
    settings = sandbox.kwargs("bluenexus")
    return Way(framework, "bluenexus", streamed=streamed, awaited=awaited, **settings)


def kept() -> set[Any]:
    """What the modules keep of warnings that were given."""
    modules = [vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]
    return {key for names in modules for key in names.get("__warningregistry__") or ()}


def places(told: list[warnings.WarningMessage], name: str) -> list[str]:
    return [each.filename for each in told if each.category.__name__ == name]


def is_asked_in_a_task(way: Way) -> bool:
    """Whether only the line that runs the event loop stands above the turn."""
    return way.framework == "langchain" and way.awaited and not way.streamed


@each_way
async def test_an_empty_answer(
    sandbox: Sandbox, way: Way, told: list[warnings.WarningMessage]
) -> None:
    before = kept()
    for _ in range(2):
        sandbox.fail_next(200, body=EMPTY, endpoint="bluenexus")
        await way.ask("Hello")
    shown = places(told, "EmptyAnswerWarning")
    assert len(shown) == 2
    assert not [key for key in kept() - before if "empty answer" in str(key)]
    if is_asked_in_a_task(way):
        return
    assert shown == [__file__, __file__]
    warnings.filterwarnings("ignore", module=__name__)
    sandbox.fail_next(200, body=EMPTY, endpoint="bluenexus")
    await way.ask("Hello")
    assert len(places(told, "EmptyAnswerWarning")) == 2, "filters go by the caller's module"


@each_way
async def test_a_conversation_that_is_lost(
    sandbox: Sandbox, way: Way, told: list[warnings.WarningMessage]
) -> None:
    before = kept()
    for session in ("first", "second"):
        answer = await way.ask("Hello", session=session)
        sandbox.expire_conversations()
        await way.ask("Again", [way.question("Hello"), answer.message], session=session)
    shown = places(told, "ConversationRestartedWarning")
    assert len(shown) == 2
    assert is_asked_in_a_task(way) or shown == [__file__, __file__]
    assert not [key for key in kept() - before if "no longer has" in str(key)]


@each_loop
@each_shape
async def test_a_key_function_beside_a_store(
    sandbox: Sandbox, awaited: bool, streamed: bool, told: list[warnings.WarningMessage]
) -> None:
    settings = sandbox.kwargs("bluenexus")
    key, settings["session_store"] = settings["api_key"], InMemorySessionStore()
    settings["api_key"] = lambda: key
    way = Way("plain", "bluenexus", streamed=streamed, awaited=awaited, **settings)
    for _ in range(2):
        await way.ask("Hello", session="kept")
    assert places(told, "UserWarning") == [__file__]


def test_a_rate_limit_of_a_key_function_that_is_shared(
    sandbox: Sandbox, told: list[warnings.WarningMessage]
) -> None:
    settings = {**sandbox.kwargs("bluenexus"), "api_key": lambda: "k"}
    for _ in range(2):
        BlueNexus(**settings, rate_limit="9/minute", rate_limit_storage="memory://")
    assert places(told, "UserWarning") == [__file__], "once for the line"
