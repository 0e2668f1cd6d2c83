"""What was sent in each turn, as a picture."""

from xml.etree import ElementTree as ET

import pytest

from remote_agents import BlueNexus
from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.picture import Turns

SVG = "{http://www.w3.org/2000/svg}"


def drawn(turns: Turns) -> list[str]:
    picture = ET.fromstring(turns._repr_svg_())
    return [str(each.text) for each in picture.iter(f"{SVG}text")]


def test_turns_are_a_list_that_draws_itself(sandbox: Sandbox) -> None:
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    for question in ("Hello", "How are you?"):
        conversation = agent.ask(question, session_id="a").conversation_id
    turns = sandbox.turns("bluenexus")
    assert isinstance(turns, list)
    assert len(turns) == 2
    shown = drawn(turns)
    assert shown == [
        *("turn 1", conversation, "user: Hello"),
        *("turn 2", conversation, "user: How are you?"),
    ]
    assert drawn(turns[-1:])[2] == "user: How are you?"
    assert turns[0]["messages"][0]["content"] == "Hello"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("<script>alert('&')</script>", "user: <script>alert('&')</script>"),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}], "user: a image_url"),
        ("two\n lines", "user: two lines"),
        ("x" * 200, "user: " + "x" * 73 + "…"),
        (None, "user:"),
    ],
)
def test_whatever_a_message_holds_it_is_one_line_of_text(content: object, shown: str) -> None:
    turns = Turns([{"conversation_id": None, "messages": [{"role": "user", "content": content}]}])
    assert drawn(turns) == ["turn 1", "not kept", shown]
    assert turns._repr_svg_().count("<script") == 0
