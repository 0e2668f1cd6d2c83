"""What a row holds of any input and any model, and which questions are the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import llamaindex_agents
from langchain_agents import ChatBlueNexus
from remote_agents import Attachment, BlueNexus, ConfigurationError, MaiAgent, Message
from remote_agents.bulk.run import ask_many
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, make

QUESTION = "How many vacation days do I get?"
PICTURE = Attachment("file", data=b"\x89PNG\xff", filename="a.png")


def rows(model: object, inputs: list[Any], path: object, **options: Any) -> list[dict[str, Any]]:
    return [*ask_many(model, inputs, path=str(path), progress=False, **options)]


@pytest.mark.parametrize("named", [True, False])
def test_bytes_of_an_input_are_a_row(named: bool, sandbox: Sandbox, tmp_path: Path) -> None:
    inputs = [Message("user", "Read it.", [PICTURE]), {"scan": b"\xff\xd8"}, "Hello"]
    names = dict(zip(map(id, inputs), "abc", strict=True))
    options = {"key": lambda value: names[id(value)]} if named else {}
    client = MaiAgent(**sandbox.kwargs("maiagent"))
    found = rows(client, inputs, tmp_path / "a.jsonl", **options)
    assert sorted(row["status"] for row in found) == ["answered", "answered", "failed"]
    assert {row["error_type"] for row in found} == {"", "UnsupportedContentError"}
    again = rows(client, inputs, tmp_path / "a.jsonl", **options)
    asked = {row["key"]: row["asked"] for row in again}
    assert sorted(asked.values()) == [1, 1, 2], "what was refused at the door is asked again"


class Chain:
    asked = 0

    def invoke(self, value: object, config: object) -> str:
        self.asked += 1
        return "25"


# Of two in one place, the first one put there comes first.
ALIKE: dict[str, tuple[object, object]] = {
    "a set": ({8, 0}, {0, 8}),
    "sets within": ({"tags": [({"a"}, frozenset([8, 0]))]}, {"tags": [({"a"}, frozenset([0, 8]))]}),
}


@pytest.mark.parametrize("name", ALIKE)
def test_what_has_no_order_is_the_same_question(name: str, tmp_path: Path) -> None:
    one, other = ALIKE[name]
    assert one == other
    assert str(one) != str(other)
    chain = Chain()
    for value in (one, other):
        (row,) = rows(chain, [value], tmp_path / "a.jsonl")
    assert (row["asked"], chain.asked) == (1, 1)


@pytest.mark.parametrize("value", [object(), {"q": [object()]}, lambda: "Hi", Chain().invoke])
def test_what_no_other_run_knows_again_needs_a_key(value: object, tmp_path: Path) -> None:
    chain, path = Chain(), tmp_path / "a.jsonl"
    with pytest.raises(ConfigurationError, match="pass key="):
        rows(chain, [value], path)
    (row,) = rows(chain, [value], path, key=lambda _: "k")
    assert (row["status"], chain.asked) == ("answered", 1)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [{"q": NAN}, [INF, {"q": (NAN,)}], np.array([1.0, NAN])])
def test_the_lines_of_a_file_are_json(value: object, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    (row,) = rows(Chain(), [value], path)
    assert rows(Chain(), [value], path) == [row]
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


@pytest.mark.parametrize("way", ["llm", "in a session", "engine", "streaming engine"])
@pytest.mark.parametrize("endpoint", ["bluenexus", "maiagent"])
def test_llamaindex_tells_all_that_it_knows(
    endpoint: str, way: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    kind = {"bluenexus": llamaindex_agents.BlueNexus, "maiagent": llamaindex_agents.MaiAgent}
    llm: Any = kind[endpoint](**sandbox.kwargs(endpoint))
    model = llm.as_query_engine(streaming=way == "streaming engine") if "engine" in way else llm
    options = {"session": lambda _: "rows"} if way == "in a session" else {}
    (row,) = rows(model, [QUESTION], tmp_path / "a.jsonl", **options)
    assert "25 vacation days" in row["answer"]
    assert row["finish_reason"] == "stop"
    assert row["conversation_id"]
    # BlueNexus counts its tokens where it does not stream, MaiAgent never.
    assert bool(row["output_tokens"]) is (endpoint == "bluenexus" and "streaming" not in way)
    assert bool(row["citations"]) is (endpoint == "maiagent")


@pytest.mark.parametrize("endpoint", ["cloudbase", "maiagent", "private_ai"])
def test_a_citation_has_the_same_columns_on_every_face(
    endpoint: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = sandbox.kwargs(endpoint)
    found = {
        framework: rows(
            make(framework, endpoint, **settings), [QUESTION], tmp_path / f"{framework}.jsonl"
        )[0]["citations"]
        for framework in FRAMEWORKS
    }
    assert all(found.values())
    assert len({tuple(sorted(told[0])) for told in found.values()}) == 1, found


def test_messages_in_a_session(sandbox: Sandbox, tmp_path: Path) -> None:
    from llama_index.core.llms import ChatMessage

    llm = llamaindex_agents.BlueNexus(**sandbox.kwargs("bluenexus"))
    inputs = [[ChatMessage(QUESTION)], [ChatMessage("And what about part-time staff?")]]
    first, second = rows(llm, inputs, tmp_path / "a.jsonl", session=lambda _: "messages")
    assert first["conversation_id"] == second["conversation_id"]
    assert "Part-time staff" in second["answer"]


def test_a_query_engine_has_no_session(sandbox: Sandbox, tmp_path: Path) -> None:
    engine = llamaindex_agents.MaiAgent(**sandbox.kwargs("maiagent")).as_query_engine()
    (row,) = rows(engine, [QUESTION], tmp_path / "a.jsonl", session=lambda _: "a")
    assert "leave session= out" in row["error"]
    assert sandbox.turns() == []


def test_the_engine_of_others_has_its_own_words(tmp_path: Path) -> None:
    from llama_index.core.base.response.schema import Response
    from llama_index.core.query_engine import CustomQueryEngine

    class Counting(CustomQueryEngine):
        def custom_query(self, query_str: str) -> Response:
            return Response("25 days.", metadata={"usage": "much", "n1": {"file": "a.md"}})

    (row,) = rows(Counting(), [QUESTION], tmp_path / "a.jsonl")
    assert (row["status"], row["answer"], row["output_tokens"]) == ("answered", "25 days.", 0)


def test_a_session_named_zero_is_one(sandbox: Sandbox, tmp_path: Path) -> None:
    model = ChatBlueNexus(**sandbox.kwargs("bluenexus"))
    session: Any = lambda _: 0  # noqa: E731 - the id of a row
    found = rows(model, ["My name is Bo.", "What is my name?"], tmp_path / "a", session=session)
    assert len({row["conversation_id"] for row in found}) == 1


def test_runs_in_one_database_are_told_apart(sandbox: Sandbox, tmp_path: Path) -> None:
    path = f"sqlite:///{tmp_path / 'runs.db'}"
    (one,) = rows(MaiAgent(**sandbox.kwargs("maiagent")), ["Say: a"], path, run="one")
    (two,) = rows(BlueNexus(**sandbox.kwargs("bluenexus")), ["Say: a"], path, run="two")
    assert one["conversation_id"] != two["conversation_id"]
    assert len(sandbox.turns()) == 2


@pytest.mark.parametrize("path", ["keys.jsonl", "sqlite:///keys.db"])
def test_a_key_with_half_a_letter_is_its_own(
    path: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    for key in ("k\ud800", "k\ud800", "k?", "k\\ud800"):
        (row,) = rows(client, ["Say: a"], path, key=lambda _, key=key: key)
        assert row["key"] == key
    assert len(sandbox.turns()) == 3


def test_a_class_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not the class BlueNexus"):
        rows(BlueNexus, [QUESTION], tmp_path / "a.jsonl")
