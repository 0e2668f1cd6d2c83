from datetime import datetime, timezone

from remote_agents.sandbox import Sandbox
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


def _records(box: Sandbox, call: Caller) -> list[dict]:
    agent = box.agents["maiagent"]
    found = call.http.get(
        f"/api/chatbots/{agent['agent_id']}/records/?startDate=2026-01-05&endDate=2026-01-06",
        headers={"authorization": f"Api-Key {agent['api_key']}"},
    )
    return list(found.json()["results"])
