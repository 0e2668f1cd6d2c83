"""A system message reaches an AG-UI agent as a user's, and is no question for all that."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel

import langchain_agents
from remote_agents.sandbox import Sandbox

AGENTS = {"ag_ui": "ChatAGUI", "cloudbase": "ChatCloudBase"}
PASSAGES = """Answer from these passages and name the page.

# Ferries

How many cars a ferry takes depends on its size: large ferries take 120 cars, small ones a share.

## Small ferries

Small ferries take cars in proportion to their length, so a ferry of 40 metres takes 62 cars.
Small ferries of the same length may have their fee counted in metres instead of cars."""
ASKED = ("How many cars does a ferry take?", "And what about small ferries?")


@pytest.fixture(params=AGENTS)
def model(request: pytest.FixtureRequest, sandbox: Sandbox) -> Any:
    given: Any = sandbox.kwargs(request.param)
    if request.param == "cloudbase":
        given["agent_id"] = sandbox.agents["cloudbase"]["ag_ui_agent_id"]
    return getattr(langchain_agents, AGENTS[request.param])(**given)


@pytest.mark.parametrize("session", [{}, {"session_id": "passages"}])
def test_the_topic_of_a_follow_up_is_the_question(
    model: Any, session: dict[str, str], sandbox: Sandbox
) -> None:
    config: Any = {"configurable": session}
    told, question, then = SystemMessage(PASSAGES), *map(HumanMessage, ASKED)
    answer = model.invoke([told, question], config)
    follow_up = SystemMessage(f"{PASSAGES}\nGulls are loud.")
    said = model.invoke([follow_up, question, answer, then], config).text
    assert said.startswith("Small ferries take cars in proportion to their length")
    assert {message["role"] for message in sandbox.turns()[-1]["messages"]} <= {"user", "assistant"}


class Ferry(BaseModel):
    """A ferry."""

    name: str
    cars: int


def test_a_form_is_no_text_to_fill_it_from(model: Any) -> None:
    """The form's own words come before the text, as a message of their own."""
    text = "The name of the ferry is Wren. It takes 86 cars."
    assert model.with_structured_output(Ferry).invoke(text) == Ferry(name="Wren", cars=86)
