"""What a service knows stands in its folder: its name and its headers stand nowhere else.

Only code is read: docstrings and comments may say where a fact is from.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_agents.services import ENDPOINTS

ROOT = Path(__file__).parents[1]
PACKAGES = ("remote_agents", "langchain_agents", "llamaindex_agents")

# Where a service may be named outside of its folders, and why.
INDEX = "written by `scripts/index.py`: the names for lazy loading and type checkers"
CLASSES = "the short classes of each service, as a user imports them"
ALLOWED = {
    "remote_agents/__init__.py": INDEX,
    "langchain_agents/__init__.py": INDEX,
    "llamaindex_agents/__init__.py": INDEX,
    "langchain_agents/chat_models.py": CLASSES,
    "langchain_agents/llms.py": CLASSES,
    "llamaindex_agents/llms.py": CLASSES,
    "remote_agents/sandbox/box.py": "seed_records() is for the service that has records",
}
HEADERS = ("x-cloudbase", "x-credits", "x-conversation-id")


def words() -> re.Pattern[str]:
    """A service's name however it is spelt, but for AG-UI's: that is a protocol of `wire/`."""
    names = [name.replace("_", "_?") for name in ENDPOINTS if name != "ag_ui"]
    return re.compile("|".join([*names, "tencent", "vmware", *HEADERS]), re.IGNORECASE)


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each name and text of a module with its line; no docstrings."""
    shown = {
        id(first.value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        for first in node.body
        if isinstance(first, ast.Expr)
    }
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and id(node) not in shown:
            yield line, node.value if isinstance(node.value, str) else repr(node.value)
        for field in ("id", "attr", "arg", "name", "module"):
            if isinstance(said := getattr(node, field, None), str):
                yield line, said


def found_in(path: Path) -> list[str]:
    pattern = words()
    said = named(ast.parse(path.read_text("utf-8")))
    return [f"line {line}: {text[:60]!r}" for line, text in said if pattern.search(text)]


def files(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if "services" not in path.parts]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_service_is_named_in_its_folder_alone(package: str) -> None:
    others = [path for path in files(package) if str(path.relative_to(ROOT)) not in ALLOWED]
    assert len(others) > 10
    assert not {path.name: found for path in others if (found := found_in(path))}


@pytest.mark.parametrize("allowed", ALLOWED)
def test_every_exception_is_needed(allowed: str) -> None:
    assert found_in(ROOT / allowed)


@pytest.mark.parametrize("said", ["CloudBase", "private_ai", "PrivateAI", "X-Credits-Remaining"])
def test_a_name_is_known_however_it_is_spelt(said: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f'"""{said}."""\nHEADER = "{said}"  # {said}\n')
    assert len(found_in(tmp_path / "a.py")) == 1
