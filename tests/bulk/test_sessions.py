"""Whose question a row is: its session, whatever else the table holds and however it is cut."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from langchain_core.runnables import RunnableLambda

import llamaindex_agents
from langchain_agents import ChatBlueNexus
from remote_agents import BlueNexus, ConfigurationError, InMemorySessionStore
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


MISSING = {"None": None, "empty": "", "nan": math.nan, "NaT": pd.NaT, "NA": pd.NA}
each_missing = pytest.mark.parametrize("missing", MISSING.values(), ids=MISSING)


@each_missing
def test_an_empty_cell_is_no_session(
    missing: object, model: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    table = [("Hello", "ann"), (WORDS["bob"], missing), (ASKED, missing)]
    asker = Asker(model, tmp_path / "a")
    asked, _ = answers(asker, table)[2], asker.close()
    assert WORDS["bob"] not in asked[1]
    names = dict(table)
    rows = ask_many(model, names, path=tmp_path / "b", session=names.get, progress=False)
    assert len({row["conversation_id"] for row in rows}) == 3


@each_missing
def test_an_empty_cell_is_no_key(missing: object, sandbox: Sandbox, tmp_path: Path) -> None:
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    asker = Asker(client, tmp_path / "a")
    for question in ("How long is parental leave?", "When is salary paid?"):
        with pytest.raises(ConfigurationError, match="no key: give each its own"):
            asker({"input": ["Hello", question], "key": ["a", missing]})
    asker.close()
    assert not sandbox.turns()
    names = {"Hello": "a", "When is salary paid?": missing}
    rows = ask_many(client, names, path=tmp_path / "b", key=names.get, progress=False)
    with pytest.raises(ConfigurationError, match="no key: give each its own"):
        list(rows)
    assert len(sandbox.turns()) <= 1


def test_a_row_may_hold_an_empty_date(sandbox: Sandbox, tmp_path: Path) -> None:
    chain = RunnableLambda(lambda row: row["input"]) | ChatBlueNexus(**sandbox.kwargs("bluenexus"))
    rows = pd.DataFrame({"input": ["Say: a", "Say: b"], "date": ["2026-11-29", None]})
    table = rows.astype({"date": "datetime64[s]"}).to_dict("records")
    found = ask_many(chain, table, path=tmp_path / "a", progress=False)
    assert sorted(row["answer"] for row in found) == ["a", "b"]


def test_a_session_that_is_no_name_fails_its_row(
    model: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    names: dict[str, Any] = {"Say: a": ["team", 7], "Say: b": "ann"}
    asked = ask_many(model, names, path=tmp_path / "a", session=names.get, progress=False)
    rows = {row["input"]: (row["status"], row["error_type"]) for row in asked}
    assert rows == {"Say: a": ("failed", "ConfigurationError"), "Say: b": ("answered", "")}


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
