"""An error in a notebook is one traceback, and a short one."""

import contextlib
import io
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from remote_agents.sandbox import Sandbox

CELLS = {
    "plain": "BlueNexus(**kw).ask('Hi')",
    "plain, async": "await BlueNexus(**kw).aask('Hi')",
    "plain, streamed": "for event in BlueNexus(**kw).stream('Hi'): pass",
    "LangChain": "ChatBlueNexus(**kw).invoke('Hi')",
    "LangChain, async": "await ChatBlueNexus(**kw).ainvoke('Hi')",
    "LangChain, streamed": "for chunk in ChatBlueNexus(**kw).stream('Hi'): pass",
    "LangChain, a chain": "(prompt | ChatBlueNexus(**kw)).invoke({'question': 'Hi'})",
    "LangChain, LLM": "BlueNexusLLM(**kw).invoke('Hi')",
    "LlamaIndex": "LlamaBlueNexus(**kw).complete('Hi')",
    "LlamaIndex, chat": "LlamaBlueNexus(**kw).chat([ChatMessage('Hi')])",
    "LlamaIndex, async": "await LlamaBlueNexus(**kw).acomplete('Hi')",
    "LlamaIndex, streamed": "for r in LlamaBlueNexus(**kw).stream_chat([ChatMessage('Hi')]): pass",
}
CONSTRUCTORS = ["BlueNexus", "ChatBlueNexus", "BlueNexusLLM", "LlamaBlueNexus"]
REFUSED = {
    "": "needs a key",
    "api_key='k', temprature=1": "'temperature'",
    "api_key='k', max_retries='two'": "max_retries",
    "api_key='k', base_url='http://agents.example'": "https://",
}
SETUP = """
from langchain_agents import BlueNexusLLM, ChatBlueNexus
from langchain_core.prompts import ChatPromptTemplate
from llama_index.core.llms import ChatMessage
from llamaindex_agents import BlueNexus as LlamaBlueNexus
from remote_agents import BlueNexus
prompt = ChatPromptTemplate.from_template("{question}")
"""


@pytest.fixture(scope="module")
def shell() -> Any:
    shell: Any = InteractiveShell.instance()
    shell.run_line_magic("colors", "nocolor")
    shell.run_cell(SETUP)
    return shell


@pytest.mark.parametrize("cell", CELLS)
def test_a_wrong_key_takes_a_screen_at_most(cell: str, shell: Any, sandbox: Sandbox) -> None:
    shell.user_ns["kw"] = {**sandbox.kwargs("bluenexus"), "api_key": "wrong"}
    lines = shown(shell, CELLS[cell])
    assert "Invalid or expired token" in lines[-1]
    assert len(lines) <= 60


@pytest.mark.parametrize("arguments", REFUSED)
@pytest.mark.parametrize("kind", CONSTRUCTORS)
def test_a_refused_argument_takes_half_a_screen(kind: str, arguments: str, shell: Any) -> None:
    lines = shown(shell, f"{kind}({arguments})")
    assert REFUSED[arguments] in lines[-1]
    assert len(lines) <= 30


def shown(shell: Any, cell: str) -> list[str]:
    """The one traceback that is shown below a cell."""
    below = io.StringIO()
    with contextlib.redirect_stdout(below), contextlib.redirect_stderr(below):
        shell.run_cell(cell)
    lines = below.getvalue().splitlines()
    assert sum("Traceback" in line for line in lines) == 1
    return lines
