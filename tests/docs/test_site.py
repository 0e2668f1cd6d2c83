"""The pages that the site has beside those of `docs/`."""

import json
import re
from pathlib import Path

import markdown
import pytest

import langchain_agents
import llamaindex_agents
import remote_agents
from remote_agents import errors
from scripts.pages import NOTEBOOKS, converted, described, entries, linked, listed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", [remote_agents, langchain_agents, llamaindex_agents])
def test_each_public_name_has_a_page(package: object) -> None:
    described_names = {entry.name for entry in entries()} | set(vars(errors))
    assert {*package.__all__} - described_names <= {"ENDPOINTS"}


def test_no_name_has_two_pages() -> None:
    pages = [entry.page for entry in entries()]
    assert len(pages) == len(set(pages))
    assert all(described(entry).startswith(f"::: {entry.path}\n") for entry in entries())


def test_the_reference_is_a_list_of_links_to_them() -> None:
    text = listed((ROOT / "docs/reference.md").read_text())
    assert ":::" not in text
    assert [entry.page for entry in entries()] == re.findall(
        r"^- \[.*\]\((.*)\)$", text, re.MULTILINE
    )


def test_links_lead_to_the_page_of_a_class_and_to_the_notebook_as_a_page() -> None:
    path = "langchain_agents.chat_models.ChatAGUI"
    assert linked(f"[a](../reference.md#{path})", 1) == f"[a](../reference/{path}.md)"
    assert linked("[b](../notebooks/01_a.ipynb)", 0) == "[b](notebooks/01_a.md)"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_a_page_with_its_pictures(notebook: Path) -> None:
    text, pictures = converted(notebook)
    assert text.startswith("# ")
    assert text.count("\n```") % 2 == 0
    cells = json.loads(notebook.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(f"```python\n{each}\n```" in text for each in code)
    assert ".ipynb" not in text
    shown = re.findall(r"!\[\w+\]\(([^)]+)\)", text)
    assert sorted(shown) == sorted(pictures)


@pytest.mark.parametrize("program", ["fastapi_langgraph/app.py", "streamlit_chat.py"])
def test_a_page_that_shows_a_program_of_the_examples_holds_it_whole(program: str) -> None:
    page = (ROOT / "docs/production.md").read_text()
    snippets = {"pymdownx.snippets": {"base_path": [str(ROOT)], "check_paths": True}}
    reader = markdown.Markdown(extensions=["pymdownx.snippets"], extension_configs=snippets)
    shown = "\n".join(reader.preprocessors["snippet"].run(page.splitlines()))
    assert (ROOT / "examples" / program).read_text().strip() in shown
