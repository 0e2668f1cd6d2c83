"""Every row of the rules of conversation memory, on the pure planner."""

import time
from typing import Any

import pytest

from remote_agents import Attachment, Message, UnsupportedContentError, fold_messages
from remote_agents.errors import ConversationForkedError
from remote_agents.memory.plan import Plan, digest, newest_origin, plan_turn
from remote_agents.memory.sessions import SEEN_LIMIT, Session
from tests.memory.prompts import AGENT, FACTS, REMEMBERING as KEEPING, prompt, sent

CHATS = ("private_ai", "bluenexus")  # take roles and a history
REMEMBERING = tuple(name for name in KEEPING if name != "ag_ui")  # see tests/ag_ui
SINGLE = ("cloudbase", "maiagent")  # take one message in a conversation


def plan(endpoint: str, messages: list[Message], **options: Any) -> Plan:
    return plan_turn(messages, endpoint=FACTS[endpoint], agent=AGENT, **options)


def held(turns: int | None = 1, conversation: str = "c1", *seen: str) -> Session:
    digests = tuple(digest(Message("system", text)) for text in seen)
    return Session(conversation, f"{conversation}-{turns}", turns, digests)


FIRST = prompt("sys: be brief", "hi")
SECOND = prompt("sys: be brief", "hi", "re: hello @c1#1", "and now?", seen=["be brief"])
BARE = prompt("sys: be brief", "hi", "re: hello", "and now?")  # its metadata was lost

# messages, mode, conversation_id, session -> conversation, keep, what is sent
ROWS: dict[str, tuple[list[Message], dict[str, Any], tuple[str | None, bool, list[str]]]] = {
    "nothing asked": (FIRST, {}, (None, False, ["sys: be brief", "hi"])),
    "nothing asked, a history": (
        BARE,
        {},
        (None, False, ["sys: be brief", "hi", "re: hello", "and now?"]),
    ),
    "the server is asked": (FIRST, {"memory": "server"}, (None, True, ["sys: be brief", "hi"])),
    "a new session": (FIRST, {"session": Session()}, (None, True, ["sys: be brief", "hi"])),
    "an id in the history": (SECOND, {}, ("c1", False, ["and now?"])),
    "an id in the history, server": (SECOND, {"memory": "server"}, ("c1", False, ["and now?"])),
    "a known session": (
        prompt("and now?"),
        {"session": held()},
        ("c1", False, ["and now?"]),
    ),
    "a known session and its history": (SECOND, {"session": held()}, ("c1", False, ["and now?"])),
    "a known session, metadata lost": (
        BARE,
        {"session": held(1, "c1", "be brief")},
        ("c1", False, ["and now?"]),
    ),
    "a new session, an id in the history": (
        SECOND,
        {"session": Session()},
        ("c1", False, ["and now?"]),
    ),
    "an explicit id": (prompt("and now?"), {"conversation_id": "c9"}, ("c9", False, ["and now?"])),
    "an explicit id beats the session": (
        prompt("and now?"),
        {"conversation_id": "c9", "session": held()},
        ("c9", False, ["and now?"]),
    ),
    "an explicit id and its history": (
        SECOND,
        {"conversation_id": "c1"},
        ("c1", False, ["and now?"]),
    ),
    "an explicit id, metadata lost": (
        BARE,
        {"conversation_id": "c9"},
        ("c9", False, ["sys: be brief", "and now?"]),
    ),
    "an explicit id, the history of another": (
        SECOND,
        {"conversation_id": "c9"},
        ("c9", False, ["sys: be brief", "hi", "re: hello", "and now?"]),
    ),
    "client": (SECOND, {"memory": "client"}, (None, False, sent(Plan(SECOND)))),
    "client, with every id": (
        SECOND,
        {"memory": "client", "conversation_id": "c9", "session": held()},
        (None, False, sent(Plan(SECOND))),
    ),
    "new system messages": (
        prompt("sys: be brief", "sys: a fact", "hi", "re: hello @c1#1", "sys: more", "and now?"),
        {"session": held(1, "c1", "be brief")},
        ("c1", False, ["sys: a fact", "sys: more", "and now?"]),
    ),
    "a seen system message at the end": (
        prompt("hi", "re: hello @c1#1", "and now?", "sys: be brief", seen=["be brief"]),
        {},
        ("c1", False, ["and now?"]),
    ),
    "a seen system message, no history": (
        FIRST,
        {"session": held(3, "c1", "be brief")},
        ("c1", False, ["hi"]),
    ),
    "another agent's id": (
        prompt("hi", "re: hello @other!c1#1", "and now?"),
        {},
        (None, False, ["hi", "re: hello", "and now?"]),
    ),
    "another session's id": (
        prompt("hi", "re: hello @u2/c1#1", "and now?"),
        {"session": Session(), "owner": "u1"},
        (None, True, ["hi", "re: hello", "and now?"]),
    ),
    "this session's id": (
        prompt("hi", "re: hello @u1/c1#1", "and now?"),
        {"session": Session(), "owner": "u1"},
        ("c1", False, ["and now?"]),
    ),
    "a session's id, read without one": (
        prompt("hi", "re: hello @u1/c1#1", "and now?"),
        {},
        ("c1", False, ["and now?"]),
    ),
    "a supervisor's history": (
        prompt("hi", "re: ours @c1#1", "go", "re: theirs @other!x#1", "and now?"),
        {},
        ("c1", False, ["go", "re: theirs", "and now?"]),
    ),
    "a session and only another agent's replies": (
        prompt("go", "re: theirs @other!x#1", "and now?"),
        {"session": held()},
        ("c1", False, ["go", "re: theirs", "and now?"]),
    ),
    "few-shot examples come once": (
        prompt("2+2", "re: 4", "3+3"),
        {"session": Session()},
        (None, True, ["2+2", "re: 4", "3+3"]),
    ),
    "few-shot examples in a session": (
        prompt("2+2", "re: 4", "4+4"),
        {"session": held()},
        ("c1", False, ["4+4"]),
    ),
    "several new messages": (
        prompt("hi", "re: hello @c1#1", "one", "two"),
        {},
        ("c1", False, ["one", "two"]),
    ),
    "a history ahead of the session": (
        prompt("a", "re: b @c1#1", "c", "re: d @c1#2", "e"),
        {"session": held(1)},
        ("c1", False, ["e"]),
    ),
    "the metadata has no reply id": (
        [*prompt("a", "re: b @c1"), Message("user", "c")],
        {"session": Session("c1", None, 1)},
        ("c1", False, ["c"]),
    ),
    "fork: an edited turn": (
        prompt("a", "re: b @c1#1", "edited"),
        {"session": held(2)},
        (None, True, ["a", "re: b", "edited"]),
    ),
    "fork: a reply of another branch": (
        prompt("a", "re: b @c0#1", "c"),
        {"session": held(1)},
        (None, True, ["a", "re: b", "c"]),
    ),
    "fork: another last reply": (
        prompt("a", "re: b @c1#1", "c"),
        {"session": Session("c1", "something else", 1)},
        (None, True, ["a", "re: b", "c"]),
    ),
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("endpoint", [*REMEMBERING, "cloudbase_openai"])
def test_every_rule(endpoint: str, row: str) -> None:
    messages, options, (conversation, keep, texts) = ROWS[row]
    planned = plan(endpoint, messages, **options)
    if endpoint == "cloudbase_openai":  # nothing is kept there: everything goes out, always
        conversation, keep, texts = None, False, sent(Plan(messages))
    assert (planned.conversation_id, planned.keep) == (conversation, keep)
    wanted = prompt(*texts)
    if endpoint in SINGLE and (conversation or keep or endpoint == "maiagent"):
        alone = len(wanted) == 1 and wanted[0].role == "user"
        texts = [wanted[0].content if alone else fold_messages(wanted)]
    elif endpoint == "cloudbase":  # a history, but no system role
        texts = "|".join(texts).replace("sys: be brief|", "be brief\n\n").split("|")
    assert sent(planned) == texts


@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_turns_are_counted_where_they_are_known(endpoint: str) -> None:
    assert plan(endpoint, FIRST).turn == 1
    assert plan(endpoint, BARE).turn == 2
    assert plan(endpoint, SECOND).turn == 2
    assert plan(endpoint, prompt("x"), session=held(7)).turn == 8
    assert plan(endpoint, prompt("x"), conversation_id="c9").turn is None
    assert plan(endpoint, prompt("a", "re: b @c1", "c")).turn is None
    assert plan(endpoint, prompt("x"), session=held(None)).turn is None


# messages, options -> whether a lost conversation can be restarted without loss
RESTARTS: dict[str, tuple[list[Message], dict[str, Any], bool]] = {
    "the whole history": (SECOND, {}, True),
    "its metadata lost": (BARE, {"session": held(1)}, True),
    "a turn is missing": (prompt("c", "re: d @c1#2", "e"), {}, False),
    "a session of more turns": (prompt("c", "re: d", "e"), {"session": held(2)}, False),
    "another agent's replies do not count": (
        prompt("c", "re: x @other!y#1", "re: d @c1#2", "e"),
        {},
        False,
    ),
    "only the new message": (prompt("e"), {"session": held(1)}, False),
    "an id and only the new message": (prompt("e"), {"conversation_id": "c9"}, False),
    "an id and a history": (BARE, {"conversation_id": "c9"}, True),
    "an id, joined midway": (prompt("a", "re: b @c9", "c"), {"conversation_id": "c9"}, False),
    "a session, joined midway": (BARE, {"session": held(None)}, False),
}


@pytest.mark.parametrize("row", RESTARTS)
@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_a_restart_loses_nothing(endpoint: str, row: str) -> None:
    messages, options, lossless = RESTARTS[row]
    planned = plan(endpoint, messages, **options)
    assert planned.conversation_id
    restart = planned.restart()
    assert (restart is not None) is lossless
    if restart is not None:
        assert (restart.conversation_id, restart.keep) == (None, True)
        everything = " ".join(sent(restart))
        assert all(message.content in everything for message in messages)
        assert endpoint not in SINGLE or len(restart.messages) == 1


@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_a_fork_of_a_trimmed_history_is_refused(endpoint: str) -> None:
    with pytest.raises(ConversationForkedError, match="Pass the whole history") as caught:
        plan(endpoint, prompt("c", "re: d @c1#2", "edited"), session=held(3))
    assert caught.value.conversation_id == "c1"


@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_context_of_each_turn_is_sent_once(endpoint: str) -> None:
    """A graph that adds a system message a turn, far beyond what a store remembers."""
    session, history = Session(), prompt("sys: persona")
    for turn in range(1, 2 * SEEN_LIMIT):
        history += prompt(f"sys: context {turn}", f"question {turn}")
        planned = plan(endpoint, history, session=session)
        everything = "\n".join(sent(planned))
        assert f"context {turn}" in everything
        assert f"question {turn}" in everything
        assert ("persona" in everything) is (turn == 1)
        assert everything.count("context") == everything.count("question") == 1
        reply = prompt(f"re: answer @c1#{turn}")[0]
        assert reply.origin is not None
        reply.origin.seen = planned.sent
        history.append(reply)
        session = Session("c1", f"c1-{turn}", turn, planned.seen[-SEEN_LIMIT:])


@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_there_is_something_to_send(endpoint: str) -> None:
    with pytest.raises(UnsupportedContentError, match="at least one"):
        plan(endpoint, [])
    with pytest.raises(UnsupportedContentError, match="no new message"):
        plan(endpoint, prompt("hi", "re: hello @c1#1"))


# what the endpoint takes; `""` marks a message of the user that was folded
SHAPES: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "tools": (
        ["a", "tool: 7", "re: b", "c"],
        {
            "chats": ["a", "Conversation so far:\nTool result: 7", "re: b", "c"],
            "cloudbase": ["a", "Conversation so far:\nTool result: 7", "re: b", "c"],
            "maiagent": ["Conversation so far:\nUser: a\nTool result: 7\nAssistant: b\n\nc"],
        },
    ),
    "a tool's result last": (
        ["a", "tool: 7"],
        {
            "chats": ["a", "Conversation so far:\nTool result: 7"],
            "cloudbase": ["a", "Conversation so far:\nTool result: 7"],
            "maiagent": ["Conversation so far:\nUser: a\nTool result: 7"],
        },
    ),
    "only a system message": (
        ["sys: a"],
        {"chats": ["sys: a"], "cloudbase": ["a"], "maiagent": ["a"]},
    ),
    "a greeting": (
        ["sys: a", "re: b", "c"],
        {
            "chats": ["sys: a", "re: b", "c"],
            "cloudbase": ["a", "re: b", "c"],
            "maiagent": ["a\n\nConversation so far:\nAssistant: b\n\nc"],
        },
    ),
    "an assistant's message last": (
        ["a", "re: b"],
        {
            "chats": ["a", "re: b"],
            "cloudbase": ["a", "Conversation so far:\nAssistant: b"],
            "maiagent": ["Conversation so far:\nUser: a\nAssistant: b"],
        },
    ),
    "a system message in the middle": (
        ["a", "re: b", "sys: c", "d"],
        {
            "chats": ["a", "re: b", "sys: c", "d"],
            "cloudbase": ["a", "re: b", "c\n\nd"],
            "maiagent": ["c\n\nConversation so far:\nUser: a\nAssistant: b\n\nd"],
        },
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("endpoint", [name for name in FACTS if name != "ag_ui"])
def test_nothing_is_dropped(endpoint: str, shape: str) -> None:
    lines, wanted = SHAPES[shape]
    assert sent(plan(endpoint, prompt(*lines))) == wanted.get(endpoint, wanted["chats"])


@pytest.mark.parametrize("endpoint", SINGLE)
def test_the_template_can_be_replaced(endpoint: str) -> None:
    def fold(messages: Any) -> str:
        return " | ".join(f"{m.role}={m.content}" for m in messages)

    planned = plan(endpoint, FIRST, fold=fold, session=Session())
    assert sent(planned) == ["system=be brief | user=hi"]


def test_files_survive_folding() -> None:
    file = Attachment("image", url="https://example.com/a.png")
    messages = [Message("system", "look"), Message("user", "what is it?", [file])]
    assert plan("maiagent", messages).messages[0].attachments == [file]


def test_the_newest_reply_of_an_agent_is_found() -> None:
    messages = prompt("a", "re: b @c1#1", "re: c @other!x#1", "d")
    assert newest_origin(messages, AGENT)[0] == 1
    assert newest_origin(messages, "other")[0] == 2
    assert newest_origin(messages, "nobody") == (-1, None)


def seconds_to_plan(turns: int) -> float:
    history = prompt("sys: be brief")
    for turn in range(1, turns + 1):
        history += prompt(f"question {turn}", f"re: answer {turn} @c1#{turn}")
    history += prompt("and now?")
    session, best = held(turns), 1.0
    for _ in range(20):
        start = time.perf_counter()
        planned = plan("bluenexus", history, session=session)
        best = min(best, time.perf_counter() - start)
    assert sent(planned) == ["sys: be brief", "and now?"]
    return best


def test_a_long_history_is_planned_in_linear_time() -> None:
    short, long = seconds_to_plan(500), seconds_to_plan(2_500)  # 5,000 messages
    assert long < 0.002 * 3, f"{long * 1000:.2f} ms"  # 2 ms on an idle machine
    assert long < 12 * short
