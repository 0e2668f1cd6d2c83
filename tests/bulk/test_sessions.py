"""Whose question a row is: its session, whatever else the table holds and however it is cut."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llamaindex_agents
from langchain_agents import ChatBlueNexus
from remote_agents import BlueNexus, InMemorySessionStore
from remote_agents.bulk.run import Asker, ask_many
from remote_agents.sandbox import Sandbox

FACES: dict[str, Callable[..., Any]] = {
    "client": BlueNexus,
    "langchain": ChatBlueNexus,
    "llamaindex": llamaindex_agents.BlueNexus,
}
WORDS = {"ann": "My favourite word is heliotrope.", "bob": "My favourite word is lilac."}
ASKED = "What is my favourite word?"
TABLE = [*((said, who) for who, said in WORDS.items()), (ASKED, "ann"), (ASKED, "bob")]

each_face = pytest.mark.parametrize("face", FACES)


@pytest.fixture(params=FACES)
def model(request: pytest.FixtureRequest, sandbox: Sandbox) -> Any:
    settings = sandbox.kwargs("bluenexus")
    return FACES[request.param](**settings, session_store=InMemorySessionStore())


class Cell(str):
    """A text that knows whose it is."""

    __slots__ = ("who",)
    who: str

    @classmethod
    def of(cls, text: str, who: str) -> "Cell":
        cell = cls(text)
        cell.who = who
        return cell


def answers(asker: Asker, table: list[tuple[str, Any]]) -> list[tuple[Any, str]]:
    found = asker({"input": [q for q, _ in table], "session_id": [who for _, who in table]})
    assert set(found["status"]) == {"answered"}
    return [*zip(found["session_id"], found["answer"], strict=True)]


@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_row_is_of_its_own_session_however_the_table_is_cut(
    size: int, model: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    asker = Asker(model, tmp_path / "a")
    found = [row for at in range(0, 4, size) for row in answers(asker, TABLE[at : at + size])]
    asker.close()
    assert found[2:] == [*WORDS.items()]
    assert len(sandbox.turns()) == 4


@pytest.mark.parametrize("order", ["ann bob", "bob ann", "bob"])
def test_a_row_is_of_its_own_session_in_a_table_of_another_order(
    order: str, model: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    def told(rows: list[Cell]) -> list[str]:
        options: dict[str, Any] = {"path": tmp_path / "a", "concurrency": 1, "progress": False}
        return [row["answer"] for row in ask_many(model, rows, session=who_of, **options)]

    who_of: Callable[[Cell], str] = lambda row: row.who  # noqa: E731 - whose it is
    told([Cell.of(*row) for row in TABLE])
    again = told([Cell.of(ASKED, who) for who in order.split()])
    assert again == [WORDS[who] for who in order.split()]
    assert len(sandbox.turns()) == 4, "all of it was known"


def test_a_question_without_a_session_has_the_key_that_it_had(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    options: dict[str, Any] = {"path": tmp_path / "a", "progress": False}
    (row,) = ask_many(client, ["Hello"], **options)
    assert row["key"] == "077b7f0c89a7bda76c61ebd6"
    listed, said = [["ann", "Hello"]], ["Hello"]
    keys = {next(ask_many(client, listed, **options))["key"], row["key"]}
    keys.add(next(ask_many(client, said, session=lambda _: "ann", **options))["key"])
    assert len(keys) == 3
