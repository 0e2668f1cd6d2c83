"""The fault matrix from raw bytes: fault x endpoint x framework x sync or async x streamed or not.

`make faults` prints it.
"""

import itertools
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from remote_agents import AgentError, EmptyAnswerWarning
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Answer, Way
from tests.raw_faults import KEY, ROWS, SERVICES, Row, frames_of
from tests.raw_server import RawServer, serving

Table = defaultdict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Prints what each fault led to, when the module is through."""
    rows: Table = defaultdict(lambda: defaultdict(set))
    yield rows
    print(f"\n\n{'from raw bytes':24} outcome (all endpoints, unless named)")
    for name, endpoints in rows.items():
        outcomes = {endpoint: " / ".join(sorted(seen)) for endpoint, seen in endpoints.items()}
        same = set(outcomes.values())
        told = same.pop() if len(same) == 1 else "; ".join(map(": ".join, outcomes.items()))
        print(f"{name:24} {told}")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ROWS)
async def test_fault_from_raw_bytes(table: Table, name: str, framework: str) -> None:
    row, wrong = ROWS[name], {}
    for endpoint in ENDPOINT_NAMES:
        if row.whole and endpoint == "ag_ui":
            continue
        with serving(row.script(frames_of(endpoint))) as server:
            for streamed, awaited in itertools.product((False, True), repeat=2):
                way = way_of(framework, endpoint, server, streamed=streamed, awaited=awaited)
                problem, outcome = await suffer(row, way, server)
                table[name][endpoint].add(outcome)
                if problem:
                    wrong[endpoint, streamed, awaited] = f"{problem}: {outcome}"
    assert wrong == {}


def way_of(framework: str, endpoint: str, server: RawServer, **how: Any) -> Way:
    settings = {"agent_id": "bot-1", "api_key": KEY, "base_url": server.url, "max_retries": 1}
    if endpoint == "maiagent":
        settings["root"] = "/api"
    return Way(framework, endpoint, **settings, **how)


async def suffer(row: Row, way: Way, server: RawServer) -> tuple[str | None, str]:
    """What is not as it must be, if anything; and what came of it, in words."""
    posts = len(server.requests)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            answer = await way.ask("Hi")
        except AgentError as error:
            problem = check_error(row, error, way.endpoint)
            return problem or check_rest(row, warned, len(server.requests) - posts), shown(error)
    problem = check_answer(row, answer, way.endpoint)
    return problem or check_rest(row, warned, len(server.requests) - posts), repr(answer.text)


def shown(error: AgentError) -> str:
    safe = "safe to repeat" if error.safe_to_repeat else "not repeated"
    return f"{type(error).__name__} after {error.partial!r}, {safe}"


def check_answer(row: Row, answer: Answer, endpoint: str) -> str | None:
    if answer.text != row.text:
        return "another text"
    if answer.pieces and "".join(answer.pieces) != row.text:
        return f"pieces {answer.pieces}"
    if answer.metadata.get("request_id") != "r-1":
        return f"request {answer.metadata.get('request_id')}"
    if endpoint == "maiagent" and answer.metadata.get("conversation_id") != "c1":
        return f"conversation {answer.metadata.get('conversation_id')}"
    return None


def check_error(row: Row, error: AgentError, endpoint: str) -> str | None:
    if row.error is None or row.error.__name__ != type(error).__name__:
        return f"not {row.error}: {error}"
    expected: dict[str, Any] = {
        "partial": row.partial,
        "endpoint": endpoint,
        "safe_to_repeat": False,
        "request_id": "r-1" if row.partial or row.code else error.request_id,
        "conversation_id": "c1" if endpoint == "maiagent" and row.partial else None,
    }
    if row.code is not None:
        expected["code"] = row.code
    if endpoint == "ag_ui":  # the client names the thread, and knows it before the answer
        expected.pop("conversation_id")
    for name, value in expected.items():
        if getattr(error, name) != value:
            return f"{name} is {getattr(error, name)!r}"
    cut = endpoint == "ag_ui" and row.says == "vacation"  # its frame is cut before the text
    return None if cut or row.says in str(error) else f"{row.says!r} is not said: {error}"


def check_rest(row: Row, warned: list[warnings.WarningMessage], posts: int) -> str | None:
    empty = [each for each in warned if issubclass(each.category, EmptyAnswerWarning)]
    if posts != 1:
        return f"{posts} posts"
    return None if bool(empty) == row.empty else f"{len(empty)} warnings"


def test_every_service_has_frames() -> None:
    assert set(SERVICES) <= {*ENDPOINT_NAMES, "ag_ui"}
