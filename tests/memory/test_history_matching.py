"""The law of conversation memory: after each turn, the caller's messages are an ending of what the
conversation holds."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from remote_agents import ClientToolCall, InMemorySessionStore, Message
from remote_agents.memory.digests import SIZE, digest_for
from remote_agents.memory.history_matching import KEPT, Conversation, match_history
from tests.memory.simulated import AGENT, Caller, Service, reply, user


def talk(caller: Caller, turns: int, word: str = "yes") -> list[Message]:
    history: list[Message] = []
    for turn in range(turns):
        history.append(user(word.format(turn)))
        replied = caller.ask("t", history, "ok")[1]
        assert replied is not None
        history.append(replied)
    return history


@pytest.mark.parametrize("store", [None, InMemorySessionStore()])
def test_a_plain_dialogue_stays_in_one_conversation(store: InMemorySessionStore | None) -> None:
    service = Service()
    history = talk(Caller(service, store), 200)
    assert len(service.held) == 1
    marks = [m.origin.mark for m in history if m.origin]
    assert sum(len(json.dumps(mark)) for mark in marks) < 40_000


def planned(caller: Caller, messages: list[Message], thread: str = "t") -> str | None:
    return caller.plan(thread, messages)[1].memory


def test_an_old_answer_with_the_same_words_is_not_the_newest() -> None:
    caller = Caller(Service(), InMemorySessionStore())
    history = talk(caller, 3)
    assert planned(caller, [*history, user("more")]) == "continued"
    assert planned(caller, [*history[:4], user("more")]) == "replayed"
    texts = [replace(message, origin=None) for message in history]
    assert planned(caller, [*texts[:4], user("more")]) == "continued"  # word for word an ending


@pytest.mark.parametrize("marked", [True, False])
def test_where_answers_are_alike_nothing_is_told_twice(marked: bool) -> None:
    service = Service()
    caller = Caller(service, InMemorySessionStore())
    history = talk(caller, 6, word="{}")[1:]  # the head is cut off, before an answer
    for newest in ("first edit", "second edit", "third edit"):
        history = [*history[:-2], user(newest)]
        if not marked:
            history = [replace(message, origin=None) for message in history]
        conversation, replied = caller.ask("t", history, "ok")
        assert replied is not None
        asked = [said for role, said in service.held[conversation] if role == "user"]
        assert asked == ["1", "2", "3", "4", newest]
        history.append(replied)


def test_a_gap_in_the_marks_vouches_for_no_more_than_follows_it() -> None:
    history = talk(Caller(Service(), None), 4, word="{}")
    history[3] = replace(history[3], origin=None)
    fresh = Caller(Service(), None)
    assert planned(fresh, [*history, user("more")]) == "replayed"
    assert planned(fresh, [*history[4:], user("more")]) == "continued"


@pytest.mark.parametrize("field", ["conversation", "dialogue", "turn", "count", "asked", "seal"])
def test_a_forged_mark_is_none(field: str) -> None:
    history = talk(Caller(Service(), None), 1)
    origin = history[1].origin
    assert origin
    assert origin.mark
    forged = {**origin.mark, field: 7 if field in ("turn", "count") else "AAAAAAAA"}
    history[1] = reply("ok", forged)
    assert planned(Caller(Service(), None), [*history, user("more")]) == "new"


@pytest.mark.parametrize("whose", [{"account": "other"}, {"key": b"other"}])
def test_a_mark_of_another_account_or_secret_is_none(whose: dict[str, object]) -> None:
    history = talk(Caller(Service(), None), 1)
    other = Caller(Service(), None, **whose)
    assert planned(other, [*history, user("more")]) == "new"
    assert planned(Caller(Service(), None), [*history, user("more")], "another thread") == "new"
    assert planned(Caller(Service(), None), [*history, user("more")]) == "continued"


SYSTEMS = {
    "the same": (["a"], ["a"], "continued", []),
    "changed": (["a"], ["b"], "continued", ["b"]),
    "one more": (["a"], ["a", "b"], "continued", ["b"]),
    "dropped": (["a", "b"], ["a"], "replayed", ["a"]),
    "none any more": (["a"], [], "replayed", []),
    "first one": ([], ["a"], "continued", ["a"]),
}


@pytest.mark.parametrize("store", [None, InMemorySessionStore()])
@pytest.mark.parametrize("row", SYSTEMS)
def test_system_messages(row: str, store: InMemorySessionStore | None) -> None:
    before, after, memory, sent = SYSTEMS[row]
    caller, name = Caller(Service(), store), f"{row} {store is None}"
    systems = [Message("system", text) for text in before]
    replied = caller.ask(name, [*systems, user("hi")], "ok")[1]
    assert replied
    systems = [Message("system", text) for text in after]
    plan = caller.plan(name, [*systems, user("hi"), replied, user("more")])[1]
    assert plan.memory == memory
    assert [m.content for m in plan.messages if m.role == "system"] == sent


def test_an_instruction_that_comes_back_is_sent_again() -> None:
    caller, history, sent = Caller(Service(), None), [], []
    for rule_of_now in ("English", "French", "English", "English"):
        history.append(user("hi"))
        prompt = [Message("system", rule_of_now), *history]
        plan = caller.plan("t", prompt)[1]
        sent.append([m.content for m in plan.messages if m.role == "system"])
        history.append(caller.ask("t", prompt, "ok")[1])
    assert sent == [["English"], ["French"], ["English"], []]


NOTHING_TO_ASK = {
    "only an answer follows": [Message("assistant", "mine")],
    "a result of another's call": [
        Message("assistant", "", tool_calls=[ClientToolCall("1", "f")]),
        Message("tool", "7", tool_call_id="2"),
    ],
}


@pytest.mark.parametrize("row", NOTHING_TO_ASK)
def test_where_nothing_is_asked_all_goes_to_a_new_conversation(row: str) -> None:
    caller = Caller(Service(), None)
    history = talk(caller, 1)
    plan = caller.plan("t", [*history, *NOTHING_TO_ASK[row]])[1]
    assert (plan.memory, plan.reason) == ("replayed", "nothing_asked")
    assert plan.messages[-1].role == "user"
    assert plan.messages[-1].content.endswith("\n\nyes")


def test_the_result_of_a_call_of_its_own_is_asked() -> None:
    caller = Caller(Service(), InMemorySessionStore())
    first = caller.ask("t", [user("hi")], "ok")[1]
    assert first
    history = [user("hi"), first, Message("tool", "7", tool_call_id="1")]
    assert planned(caller, history) == "replayed"
    own = replace(first, tool_calls=[ClientToolCall("1", "f", {"a": 1})])
    digest = digest_for("x")
    assert digest(own) != digest(first)


@pytest.mark.parametrize("turns", [3, 4])
def test_where_a_process_died_amid_a_turn_nobody_knows_what_is_held(turns: int) -> None:
    """Neither does a mark that is newer than what the store knows."""
    store = InMemorySessionStore()
    caller = Caller(Service(), store)
    history = talk(caller, turns)
    key = caller.dialogue("t").key
    record = replace(store.read(key)[0], lapsed=True, count=6, known=6, turns=3)
    store.delete(key)
    assert store.begin(key, "h", None)
    assert store.finish(key, "h", record)
    plan = caller.plan("t", [*history, user("more")])[1]
    assert (plan.memory, plan.reason) == ("replayed", "lapsed")
    digest = digest_for("x")(user("more"))
    after = record.after(digest, b"", history=False, broke_off=False)
    assert (after.known, after.held, after.count, after.lapsed) == (1, digest, 7, False)


def test_where_the_history_differs_is_said() -> None:
    caller = Caller(Service(), InMemorySessionStore())
    history = [Message("system", "s"), *talk(caller, 3)]
    edited = [*history, user("more")]
    edited[3] = user("no")
    assert caller.plan("t", edited)[1].differs == (3, "user")
    edited = [*history[2:], user("more")]
    edited[1] = user("no")
    assert caller.plan("t", edited)[1].differs == (1, "user")


def test_what_a_digest_covers() -> None:
    digest = digest_for("account", "dialogue")
    same = [Message("user", "a b"), Message("user", " a \n b "), Message("user", "a b", name="Al")]
    assert len({digest(message) for message in same}) == 1
    calls = ({"x": {1: 2, "y": 3}}, {"x": {"1": 2, "y": 3}})  # the same as JSON
    called = [Message("assistant", "", tool_calls=[ClientToolCall("1", "f", it)]) for it in calls]
    assert len({digest(message) for message in called}) == 1
    others = [
        Message("assistant", "a b"),
        Message("user", "ab"),
        Message("assistant", "a b", tool_calls=[ClientToolCall("1", "f", {})]),
        Message("assistant", "a b", tool_calls=[ClientToolCall("1", "f", {"x": 1})]),
        Message("tool", "a b", tool_call_id="1"),
        Message("tool", "a b", tool_call_id="2"),
        Message("user", "a \ud83d"),
    ]
    assert len({digest(message) for message in [*same, *others]}) == 1 + len(others)
    assert len({len(digest(message)) for message in others}) == 1
    assert digest_for("account", "other")(same[0]) != digest(same[0])


# --- size and speed ------------------------------------------------------------------------------


def rows(*texts: str) -> bytes:
    digest = digest_for("k")
    return b"".join(digest(user(text)) for text in texts)


def anything(size: int, conversation: Conversation) -> bool:
    return True


def test_of_a_very_long_history_the_end_is_compared() -> None:
    texts = [str(n) for n in range(3 * KEPT)]
    held = rows(*texts)
    conversation = Conversation("c", 9, len(texts), len(texts), held[-KEPT * SIZE :])
    mine = rows(*texts[-KEPT + 1 :], "new")
    before = len(texts) + 1 - KEPT
    assert match_history(mine, [conversation], anything, before) == (KEPT - 1, conversation)
    short = Conversation("c", 9, len(texts) - KEPT + 5, len(texts) - KEPT + 5, held[: 5 * SIZE])
    assert match_history(mine, [short], anything, before) == (0, None)


def calls(history: list[Message], caller: Caller) -> int:
    """How many functions planning calls, those of C included."""
    count = 0

    def profile(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event.endswith("call")

    sys.setprofile(profile)
    try:
        plan = caller.plan("t", history)[1]
    finally:
        sys.setprofile(None)
    assert plan.memory == "continued"
    return count


@pytest.mark.parametrize("store", [None, InMemorySessionStore()])
def test_planning_is_linear(store: InMemorySessionStore | None) -> None:
    caller = Caller(Service(), store)
    text = "a word " * 100
    history: list[Message] = []
    made = {}
    for turns in range(1, 501):
        history.append(user(f"{text}{turns}"))
        history.append(caller.ask("t", history, "yes")[1])
        if turns in (250, 500):
            made[turns] = calls([*history, user("more")], caller)
    assert made[500] < 2.1 * made[250]


def test_of_equals_the_one_that_the_answer_names_is_taken() -> None:
    service, store = Service(), InMemorySessionStore()
    caller = Caller(service, store)
    history = talk(caller, 1)
    other = talk(Caller(service, None), 1)  # word for word the same
    for known in (history, other):
        plan = caller.plan("t", [*known, user("more")])[1]
        mark = known[1].origin.mark if known[1].origin else None
        assert plan.conversation_id == (mark or {})["conversation"]
    assert AGENT.startswith("bluenexus")
