"""What every committed notebook promises; `make notebooks` runs them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NAMES = (
    "01_quickstart",
    "02_langchain_rag",
    "03_langgraph_memory",
    "04_llamaindex_query_engine",
    "05_conversation_records",
    "06_production",
    "07_many_machines",
    "08_hosted_knowledge_base",
    "09_own_tools_and_approval",
)
LARGEST = 400_000  # bytes, with the outputs
WORTH_LOOKING_AT = {"image/png", "image/svg+xml", "text/html", "text/markdown"}
each = pytest.mark.parametrize("name", NAMES)


def cells(name: str, kind: str = "code") -> list[dict[str, Any]]:
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_there_are_no_others() -> None:
    assert sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")) == list(NAMES)


@each
def test_the_first_cell_starts_the_sandbox_and_says_how_to_use_a_real_service(name: str) -> None:
    first = "".join(cells(name)[0]["source"])
    assert "Sandbox(" in first
    assert len(re.findall(r"^# .*real service", first, re.MULTILINE)) == 1


@each
def test_the_first_words_say_what_it_needs(name: str) -> None:
    first = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())["cells"][0]
    needed = re.search(r'pip install "remote-agents\[([\w,]+)\]"', "".join(first["source"]))
    assert needed
    assert {"notebooks", "ray"} >= {*needed[1].split(",")} >= {"notebooks"}


@pytest.mark.parametrize("name", NAMES[:4])
def test_what_was_sent_is_a_picture_beside_an_answer_with_its_sources(name: str) -> None:
    data = [o.get("data", {}) for cell in cells(name) for o in cell["outputs"]]
    assert any("<rect" in "".join(kinds.get("image/svg+xml", ())) for kinds in data)
    assert any("<strong>Sources</strong>" in "".join(kinds.get("text/html", ())) for kinds in data)


@each
def test_it_is_committed_as_run_from_top_to_bottom_without_an_error(name: str) -> None:
    run = cells(name)
    assert [cell["execution_count"] for cell in run] == list(range(1, len(run) + 1))
    outputs = [output for cell in run for output in cell["outputs"]]
    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []


def test_sessions_are_shown_in_postgresql() -> None:
    said = [o["text"] for cell in cells("06_production") for o in cell["outputs"] if "text" in o]
    assert ["Sessions are in PostgreSQL.\n"] in said


@each
def test_it_shows_something_worth_looking_at(name: str) -> None:
    shown = {kind for cell in cells(name) for o in cell["outputs"] for kind in o.get("data", ())}
    assert shown & WORTH_LOOKING_AT


@each
def test_it_is_small_and_tells_nothing_of_the_machine_it_ran_on(name: str) -> None:
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text()
    assert len(text) < LARGEST
    assert re.search(r"/(?:home|root|Users|work|tmp)/|ipykernel_\d", text) is None
    assert max(len("".join(cell["source"]).splitlines()) for cell in cells(name)) <= 25
