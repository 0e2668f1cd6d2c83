"""What the examples in docstrings show is what they give, where they need no account."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("remote_agents", "langchain_agents", "llamaindex_agents")
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
SHOWN = [file for file in FILES if ">>> " in file.read_text(encoding="utf-8")]
MODULES = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in SHOWN]


@pytest.mark.parametrize("name", [name.removesuffix(".__init__") for name in MODULES])
def test_the_examples_of_a_module(name: str) -> None:
    module = importlib.import_module(name)
    assert not doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed
