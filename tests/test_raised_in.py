"""The line of the caller's own that failed is named, whatever it calls."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from remote_agents import cached_key
from remote_agents.raised_in import raised_in

PACKAGE = """
import json

def token():
    return parsed("")

def parsed(text):
    return json.loads(text)

def asked(ask):
    return ask()
"""


def parsed() -> object:
    return json.loads("")


def unread() -> object:
    return TypeAdapter(int).validate_json("{")


def place_of(function: Callable[[], Any]) -> str:
    """Where it failed, as this library would call it: with none of the test's own frames."""
    with pytest.raises(Exception, match=r"\w") as caught:
        cached_key(function)()
    assert caught.tb.tb_next is not None
    return raised_in(caught.value.with_traceback(caught.tb.tb_next))


@pytest.mark.parametrize("function", [parsed, unread, lambda: parsed()])
def test_the_application_is_named_and_not_what_it_calls(function: Callable[[], object]) -> None:
    name = "unread" if function is unread else "parsed"
    assert place_of(function).startswith(f", in {name} at test_raised_in.py:")


def test_an_application_may_be_installed_as_libraries_are(tmp_path: Path) -> None:
    file = tmp_path / "site-packages" / "shop" / "keys.py"
    file.parent.mkdir(parents=True)
    file.write_text(PACKAGE)
    spec = importlib.util.spec_from_file_location("shop_keys", file)
    assert spec is not None
    assert spec.loader is not None
    shop = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shop)
    assert place_of(shop.token) == ", in parsed at keys.py:8"
    assert place_of(lambda: shop.asked(parsed)).startswith(", in parsed at test_raised_in.py:")


def test_what_has_no_line_of_the_callers_names_none() -> None:
    assert place_of({}.popitem) == ""
    assert raised_in(KeyError("never raised")) == ""
