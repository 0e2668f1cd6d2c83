"""What is not installed is asked for by name, with the line to type."""

import subprocess
import sys

import pytest

PLAIN = "remote_agents.MaiAgent(api_key='k', agent_id='a', base_url='http://127.0.0.1:9')"
STORE = "from remote_agents import SQLSessionStore as S;"

# what is used, the module that is not there, and the extra that brings it
MISSING = {
    "langchain_agents": ("import langchain_agents", "langchain_core", "langchain"),
    "a name of it": ("from langchain_agents import ChatMaiAgent", "langchain_core", "langchain"),
    "llamaindex_agents": ("import llamaindex_agents", "llama_index", "llamaindex"),
    "a name of that": ("from llamaindex_agents import MaiAgent", "llama_index.core", "llamaindex"),
    "Sandbox": ("from remote_agents.sandbox import Sandbox; Sandbox()", "bm25s", "sandbox"),
    "a form's parser": (
        "from remote_agents.sandbox import Sandbox as S; S()",
        "multipart",
        "sandbox",
    ),
    "SQLSessionStore": (f"{STORE} S('sqlite://')", "sqlalchemy", "sql"),
    "PostgreSQL": (f"{STORE} S('postgresql+psycopg://h/d').get('x')", "psycopg", "postgres"),
    "rate_limit": (PLAIN.replace(")", ", rate_limit='1/minute')"), "limits", "redis"),
    "rate_limit_storage": (
        PLAIN.replace(")", ", rate_limit='1/minute', rate_limit_storage='redis://h')"),
        "redis",
        "redis",
    ),
    "OAuth": (
        "from remote_agents.services.bluenexus.oauth import begin_login as b; b('app', 'https://h')",
        "authlib",
        "oauth",
    ),
    "progress": (
        f"{PLAIN}.records.export_excel('x', start='2026-01-01', end='2026-01-02', progress=True)",
        "tqdm",
        "cli",
    ),
}


@pytest.mark.parametrize("what", MISSING)
def test_a_missing_extra_is_asked_for_by_name(what: str) -> None:
    use, module, extra = MISSING[what]
    said = _without(module, use)
    assert f'pip install "remote-agents[{extra}]"' in said
    assert said.startswith("MissingExtraError: ")


def test_data_frames_need_pandas() -> None:
    assert "pip install pandas" in _without("pandas", f"{PLAIN}.records.to_dataframe()")


def _without(module: str, use: str) -> str:
    """The last line of the traceback of a process in which this module is not installed."""
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "import remote_agents\n"
        f"try:\n    {use}\n"
        "except ImportError as error:\n    sys.exit(f'{type(error).__name__}: {error}')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]
