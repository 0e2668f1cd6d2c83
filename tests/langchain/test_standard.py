"""LangChain's own suites for chat models, at the sandbox; nothing of them is overridden."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import httpx
import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests, chat_models as suite
from langchain_tests.unit_tests import ChatModelUnitTests

from remote_agents.service import Endpoint
from remote_agents.testing.ways import NAMES
from tests.langchain.services import CHAT

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* has no (temperature|max_tokens)"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
]


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """The recordings were made with `--record-mode=once`; the sandbox's port was another one."""
    return {
        "match_on": ["method", "path"],
        "allow_playback_repeats": True,
        "filter_headers": ["authorization", "host"],
    }


def _file(url: str, **_: Any) -> Any:
    return SimpleNamespace(content=b"the content of " + url.encode())


class Service:
    """What both suites are told of a service."""

    name = ""
    own: ClassVar[dict[str, Any]] = {}
    box: Any = None
    streams = False
    recorded = False

    @pytest.fixture(autouse=True)
    def _at_sandbox(self, request: pytest.FixtureRequest) -> None:
        # A recorded test (vcr) may not talk to the sandbox's remote control.
        type(self).recorded = request.node.get_closest_marker("vcr") is not None
        type(self).box = request.getfixturevalue("box" if self.recorded else "sandbox")
        type(self).streams = "stream" in request.node.name

    @pytest.fixture(autouse=True)
    def _files_from_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The suite fetches the files that it sends from the internet."""
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "none: nothing is fetched")
        monkeypatch.setattr(suite, "httpx", SimpleNamespace(get=_file))

    @property
    def chat_model_class(self) -> Any:
        return CHAT[self.name]

    @property
    def chat_model_params(self) -> dict[str, Any]:
        # vcr sees what goes through a plain httpx client only.
        own = {"http_client": httpx.Client()} if self.recorded else {}
        return {**self.box.kwargs(self.name), **self.own, **own}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return (
            self.box.agents[self.name]["env"],
            self.own,
            {**self.box.kwargs(self.name), **self.own},
        )

    @property
    def facts(self) -> Endpoint:
        """What is true of this agent; two kinds of CloudBase agents differ."""
        agent_id = self.own.get("agent_id", "")
        endpoint = self.chat_model_class.endpoint
        return endpoint.for_agent(endpoint, agent_id, {}) if endpoint.for_agent else endpoint

    @property
    def has_tool_calling(self) -> bool:
        return self.facts.tools  # others bring their own

    @property
    def supports_anthropic_inputs(self) -> bool:
        return self.facts.tools

    @property
    def has_structured_output(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return self.facts.native_json

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}

    @property
    def supports_model_override(self) -> bool:
        return "model" in self.facts.parameters

    @property
    def model_override_value(self) -> str | None:
        return "llama-3.3-70b-instruct" if self.supports_model_override else None

    @property
    def returns_usage_metadata(self) -> bool:
        endpoint = self.facts
        return endpoint.counts and (endpoint.counts_streams or not self.streams)

    @property
    def supports_image_inputs(self) -> bool:
        return self._takes("image", as_bytes=True)

    @property
    def supports_image_urls(self) -> bool:
        return self._takes("image") and self.facts.takes_links

    @property
    def supports_pdf_inputs(self) -> bool:
        return self._takes("file", as_bytes=True)

    @property
    def supports_audio_inputs(self) -> bool:
        return self._takes("audio", as_bytes=True)

    def _takes(self, kind: str, *, as_bytes: bool = False) -> bool:
        endpoint = self.facts
        return kind in endpoint.attachments and (endpoint.uploads or not as_bytes)


SUITES = {"Unit": ChatModelUnitTests, "Integration": ChatModelIntegrationTests}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (name, {}) for name, kind in NAMES.items()},
    "CloudBaseWithTools": ("cloudbase", {"agent_id": "agent-handbook"}),
}
for _kind, (_name, _own) in KINDS.items():
    for _word, _suite in SUITES.items():
        _class = f"Test{_kind}{_word}"
        globals()[_class] = type(_class, (Service, _suite), {"name": _name, "own": _own})
