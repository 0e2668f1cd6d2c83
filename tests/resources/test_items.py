"""Items are read leniently: any JSON becomes one, and nothing of it is lost."""

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from remote_agents.resources import items
from remote_agents.resources.items import Item, Message, Record, moment

KINDS = [
    kind
    for kind in vars(items).values()
    if isinstance(kind, type) and issubclass(kind, Item) and kind is not Item
]
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(value=json, data=st.data())
def test_no_json_breaks_an_item(kind: type[Item], value: Any, data: st.DataObject) -> None:
    names = st.sampled_from([form for n in kind.fields() for form in getattr(kind, n).names])
    raw = data.draw(st.dictionaries(names, json, max_size=6))
    for item in (kind(value), kind(raw)):
        shown = item.to_dict()
        assert set(kind.fields()) <= set(shown)
        assert isinstance(repr(item), str)
        assert isinstance(hash(item), int)


NOON = datetime(2024, 10, 6, 2, 23, 16, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("1728181396000", NOON),
        (1728181396000, NOON),
        (1728181396, NOON),
        ("1728181396", NOON),
        (1728181396.5, NOON + timedelta(seconds=0.5)),
        ("2024-10-06T02:23:16Z", NOON),
        ("2024-10-06T02:23:16.5z", NOON + timedelta(seconds=0.5)),
        ("2024-10-06T02:23:16.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2024-10-06T04:23:16+02:00", NOON),
        ("2024-10-06 02:23:16", NOON),
        ("2024-10-06", datetime(2024, 10, 6, tzinfo=timezone.utc)),
        *((value, None) for value in (None, "", "soon", "-", [], {}, True, 1e300, float("nan"))),
    ],
)
def test_times_are_read_in_every_form(value: Any, read: datetime | None) -> None:
    assert moment(value) == read


def test_both_casings_are_read() -> None:
    camel = Record({"inputMessage": "Hi", "createdAt": "1728181396000", "replyTime": "0.4"})
    snake = Record({"input_message": "Hi", "created_at": 1728181396, "reply_time": 0.4})
    assert camel.input_message == snake.input_message == "Hi"
    assert camel.created_at == snake.created_at == NOON
    assert camel.reply_time == snake.reply_time == 0.4


def test_unknown_fields_are_kept() -> None:
    record = Record({"id": 7, "moodScore": {"deepKey": 1}})
    assert record.id == "7"
    assert record.mood_score == {"deepKey": 1}
    assert record.to_dict()["mood_score"] == {"deepKey": 1}
    assert record.raw == {"id": 7, "moodScore": {"deepKey": 1}}
    with pytest.raises(AttributeError, match="Record has no 'mood'"):
        _ = record.mood


@pytest.mark.parametrize(
    ("word", "role"),
    [
        *((word, "user") for word in ("user", "incoming", "human", "customer", "contact")),
        *((word, "assistant") for word in ("assistant", "Outgoing", "AI", "bot", "agent", "model")),
        *(("developer", "system"), ("function", "tool"), ("Moderator", "moderator"), (None, "")),
    ],
)
@pytest.mark.parametrize("field", ["role", "type"])
def test_who_wrote_a_message_whatever_the_service_calls_them(
    word: str | None, role: str, field: str
) -> None:
    assert Message({field: word}).role == role


def test_the_dict_of_an_item_is_json_in_snake_case() -> None:
    message = Message(
        {
            "id": "m1",
            "conversation": {"id": "c1"},
            "type": "outgoing",
            "createdAt": "1728181396000",
            "attachments": [{"id": "a1", "filename": "plan.png"}],
            "citationNodes": [{"score": "0.5", "chatbotTextNode": {"text": "25 days"}}],
        }
    )
    shown = message.to_dict()
    assert (shown["role"], shown["conversation_id"]) == ("assistant", "c1")
    assert shown["created_at"] == "2024-10-06T02:23:16+00:00"
    assert shown["attachments"][0]["filename"] == "plan.png"
    assert shown["citation_nodes"][0]["score"] == 0.5
    assert "type" not in shown
    assert "conversation" not in shown


def test_items_can_be_copied_compared_and_pickled() -> None:
    record = Record({"id": "r1", "inputMessage": "Hi"})
    assert pickle.loads(pickle.dumps(record)) == copy.deepcopy(record) == record
    assert record != Record({"id": "r2"})
    assert record != Message({"id": "r1", "inputMessage": "Hi"})
    assert {record, copy.copy(record)} == {record}
    assert repr(record) == "Record(id='r1', input_message='Hi')"
