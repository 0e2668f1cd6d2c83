from contextlib import closing
from datetime import datetime, timezone

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.services.maiagent.chat import milliseconds
from remote_agents.sandbox.serving.state import Store
from tests.sandbox.calls import Caller


def test_a_question_of_the_past_is_answered_and_scored(call: Caller) -> None:
    call.box.configure(word_delay=0.02)
    asked = [
        (datetime(2026, 1, 5, 9, 30, tzinfo=timezone.utc), "When is salary paid?"),
        ("2026-01-06T10:00:00", "xyzzy?"),
    ]

    seeded = call.box.seed_questions(asked)

    assert seeded == {"count": 2, "start": "2026-01-05", "end": "2026-01-06"}
    first, second = _records(call.box, call)
    assert first["outputMessage"].startswith("Salaries are paid on the 25th")
    assert first["conversation"] != second["conversation"]
    assert float(first["replyTime"]) == len(first["outputMessage"].split()) * 0.02
    assert first["createdAt"].startswith(str(int(asked[0][0].timestamp()))[:6])
    assert first["answerRelevancyScore"] == 1.0
    assert 0 < first["faithfulnessScore"] <= 1
    assert first["answerCorrectnessScore"] is None
    assert (second["answerRelevancyScore"], second["faithfulnessScore"]) == (0.0, None)


def test_no_two_messages_of_the_past_have_one_time(call: Caller) -> None:
    same = [("2026-01-05T09:30:00Z", "When is salary paid?")] * 3
    call.box.seed_questions(same)
    call.box.seed_questions(same)
    for _ in range(2):
        call.box.seed_records(5, start="2026-01-06")
    agent, found = call.box.agents["maiagent"], []
    headers = {"authorization": f"Api-Key {agent['api_key']}"}
    for conversation in {record["conversation"] for record in _records(call.box, call)}:
        page = call.http.get(f"/api/messages/?conversation={conversation}", headers=headers)
        found += [int(message["createdAt"]) for message in page.json()["results"]]
    assert len(found) == len(set(found)) >= 32


def test_no_two_conversations_have_one_time() -> None:
    with closing(Store(":memory:")) as store:
        opened = [store.add_conversation("maiagent", "a", str(n))["created"] for n in range(50)]
    assert sorted({milliseconds(moment) for moment in opened}) == list(map(milliseconds, opened))


def _records(box: Sandbox, call: Caller) -> list[dict]:
    agent = box.agents["maiagent"]
    found = call.http.get(
        f"/api/chatbots/{agent['agent_id']}/records/?startDate=2026-01-05&endDate=2026-01-06",
        headers={"authorization": f"Api-Key {agent['api_key']}"},
    )
    return list(found.json()["results"])
