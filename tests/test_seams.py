"""The private names of other packages: which there are, that each is there, that none is needed.

When an upgrade takes one away, `test_it_is_there` says which; what it was for stands beside it in
the `_seams` module that names it. Until that is mended the library works: other tests show it.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import sys
from asyncio import sslproto
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpcore
import httpx
import pytest
from aiohttp import StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import BaseChatModel, chat_models

from langchain_agents import ChatAgent, _seams as of_langchain
from remote_agents.http import _seams as of_http, pools
from remote_agents.http._aiohttp import AiohttpClient
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way, make
from tests.certificates import authority
from tests.raw_server import serving
from tests.transports import ANSWER, asking

pytestmark = pytest.mark.usefixtures("fresh_pools")
PACKAGES = ("remote_agents", "langchain_agents", "llamaindex_agents")
# LangChain's methods that ours replace.
OVERRIDDEN = ("_check_profile_keys", "_convert_cached_generations", "_agenerate_with_cache")
# What subclasses are meant to define or to call: pages, docstrings, `NotImplementedError` or, of
# the method that is only there to be replaced, LlamaIndex's own integrations say so.
FOR_PROVIDERS = {
    "_add_version",
    *("_generate", "_agenerate", "_stream", "_astream", "_llm_type", "_identifying_params"),
    *("_get_ls_params", "_resolve_model_profile", "_combine_llm_outputs", "_run", "_arun"),
    *("_get_relevant_documents", "_aget_relevant_documents"),
    *("_prepare_chat_with_tools", "_validate_chat_with_tools_response"),
    *("_query", "_aquery", "_retrieve", "_aretrieve"),
    "_get_prompt_modules",
    *("_transform_stream_with_config", "_atransform_stream_with_config"),
}
OF_NAMED_TUPLES = {"_replace", "_asdict"}
QUESTION = "How many vacation days do I get?"


def _named(module: ModuleType) -> dict[str, str]:
    """The constants of a `_seams` module, with the private names that they hold."""
    return {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, str) and key.isupper()
    }


HTTP, LANGCHAIN = _named(of_http), _named(of_langchain)


# --- which there are ------------------------------------------------------------------------------


def test_there_are_fewer_than_twenty() -> None:
    assert len({*HTTP.values(), *LANGCHAIN.values(), *OVERRIDDEN}) < 20


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in (Path(__file__).parent.parent / package).rglob("*.py"):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _own_names(tree: ast.Module) -> Iterator[str]:
    """What a module of ours defines, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def _foreign_names(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """The private names of others that a module spells."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in own:
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in PACKAGES:
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (part for part in parts if _is_private(part) and node.module)
        elif isinstance(node, ast.Constant) and node.value in {*HTTP.values(), *LANGCHAIN.values()}:
            yield str(node.value)


def test_nothing_else_reaches_for_one() -> None:
    trees = list(_trees())
    own = {name for _, tree in trees for name in _own_names(tree)}
    found = {
        (path.name, name)
        for path, tree in trees
        if path.name != "_seams.py"
        for name in _foreign_names(tree, own - {*HTTP.values(), *LANGCHAIN.values()})
    }
    spelt = {name for _, name in found} - FOR_PROVIDERS - OF_NAMED_TUPLES - {"_close", "_lock"}
    assert not spelt, sorted(found)


def _replaced() -> Iterator[tuple[type, type, str]]:
    """The private methods and properties of others that classes of ours replace."""
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for kind in vars(module).values():
                if inspect.isclass(kind) and kind.__module__ == found.name:
                    yield from _replaced_by(kind)


def _replaced_by(kind: type) -> Iterator[tuple[type, type, str]]:
    for name, value in vars(kind).items():
        if _is_private(name) and (callable(value) or isinstance(value, property)):
            for base in kind.__mro__[1:]:
                if name in vars(base) and base.__module__.split(".")[0] not in PACKAGES:
                    yield kind, base, name
                    break


def test_every_replaced_method_takes_what_the_other_takes() -> None:
    replaced = list(_replaced())
    assert {name for _, _, name in replaced} - FOR_PROVIDERS == set(OVERRIDDEN)
    for kind, base, name in replaced:
        ours, theirs = vars(kind)[name], vars(base)[name]
        if inspect.isfunction(ours) and inspect.isfunction(theirs):
            taken = list(inspect.signature(ours).parameters)
            each = inspect.signature(theirs).parameters.values()
            wanted = [
                one.name for one in each if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
            ]
            assert [one for one in taken if one in wanted] == wanted, f"{kind.__name__}.{name}"


# --- each is there --------------------------------------------------------------------------------


async def _owners() -> dict[str, Any]:
    """Where each of the names is."""
    pool = httpcore.ConnectionPool()
    connector = TCPConnector()
    await connector.close()
    with httpx.Client() as client:
        return {
            "POOL_LOCK": pool,
            "LOCK_OF_LOCK": getattr(pool, of_http.POOL_LOCK),
            "TRANSPORT_FOR": client,
            **dict.fromkeys(("MESSAGE", "MUST_CANCEL", "WAITS_FOR"), asyncio.current_task()),
            **dict.fromkeys(("FACTORY", "CLOSE"), connector),
            "TAKE": StreamReader,
            "NORMALIZE": sys.modules.get(of_langchain.MODULE),
            "SHOULD_STREAM": BaseChatModel,
        }


# Set by a constructor that wants a connection.
MADE_WITH = {
    "BODY": ResponseHandler,
    "TLS": vars(sslproto)["_SSLProtocolTransport"],
    "TLS_BUFFER": sslproto.SSLProtocol,
    "TLS_VIEW": sslproto.SSLProtocol,
}
# Python 3.10 reads TLS into no buffer of its own.
ABSENT = {"TLS_BUFFER", "TLS_VIEW"} if sys.version_info < (3, 11) else set()
NAMED = [name for name in (*HTTP, *LANGCHAIN) if name not in {"MODULE", *ABSENT}]


@pytest.mark.parametrize("name", NAMED)
async def test_it_is_there(name: str) -> None:
    private = {**HTTP, **LANGCHAIN}[name]
    if name in MADE_WITH:
        assert of_http.sets_attribute(MADE_WITH[name], private)
    else:
        assert hasattr((await _owners())[name], private)


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_the_replaced_method_is_there(name: str) -> None:
    assert hasattr(BaseChatModel, name)


@pytest.mark.parametrize("name", ["_stream_chat_model_events", "_astream_chat_model_events"])
def test_langchain_asks_a_model_for_its_own_events(name: str) -> None:
    assert hasattr(ChatAgent, name)
    assert name in inspect.getsource(chat_models)  # else it makes them from chunks


# --- none is needed -------------------------------------------------------------------------------


SEAMS = [(of_http, name) for name in HTTP] + [(of_langchain, name) for name in LANGCHAIN]
every_seam = pytest.mark.parametrize(("module", "name"), SEAMS, ids=[name for _, name in SEAMS])


async def _told(framework: str, *, awaited: bool, **settings: Any) -> str:
    way = Way(framework, "bluenexus", streamed=True, awaited=awaited, **settings)
    answer = await way.ask(QUESTION)
    assert len(answer.pieces) > 1
    return answer.text


@every_seam
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
async def test_a_stream_does_without(
    sandbox: Sandbox,
    module: ModuleType,
    name: str,
    framework: str,
    awaited: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, name, "_gone")
    settings = {**sandbox.kwargs("bluenexus"), "coalesce": False}
    assert "25" in await _told(framework, awaited=awaited, **settings)


@pytest.mark.parametrize("name", ["FACTORY", "BODY", "TAKE"])
async def test_another_aiohttp_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    route = pools.Route.to("http://127.0.0.1:1", True)
    assert isinstance(await pools.pools.async_client(_User(), route), AiohttpClient)
    monkeypatch.setattr(pools, "pools", pools.Pools())
    monkeypatch.setattr(of_http, name, "_gone")
    assert not isinstance(await pools.pools.async_client(_User(), route), AiohttpClient)


class _User:
    """Of a pool."""


@pytest.mark.parametrize("name", ["TLS", "TLS_BUFFER", "TLS_VIEW"])
async def test_tls_does_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_http, name, "_gone")
    trusted = authority()
    with serving(ANSWER, context=trusted.server) as server:
        url = server.url.replace("http:", "https:")
        async with asking("aiohttp", url, verify=trusted.path) as asker:
            assert await asker.ask() == "Hello"


@pytest.mark.parametrize("name", OVERRIDDEN)
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
async def test_a_cached_model_does_without(
    sandbox: Sandbox, name: str, awaited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(of_langchain.Overrides, name)
    settings: dict[str, Any] = {"cache": InMemoryCache(), "profile": {"text_inputs": True}}
    model = make("langchain", "bluenexus", **sandbox.kwargs("bluenexus"), **settings)
    ask = model.ainvoke if awaited else None
    mine, yours = [await ask(QUESTION) if ask else model.invoke(QUESTION) for _ in range(2)]
    assert mine.text == yours.text
    assert len(sandbox.turns("bluenexus")) == 1
    assert "conversation_id" not in yours.response_metadata
