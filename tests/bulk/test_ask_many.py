"""A bulk run: concurrent, within the limit, resumable, and nothing asked twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pandas import DataFrame

from langchain_agents import ChatBlueNexus
from llamaindex_agents import BlueNexus as LlamaBlueNexus
from remote_agents import BlueNexus, ConfigurationError, InMemorySessionStore
from remote_agents.bulk.run import Asker, ask_many
from remote_agents.sandbox import Sandbox

QUESTIONS = [f"Say: answer {n}" for n in range(12)]


def chain(**kwargs: Any) -> Any:
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    return ChatPromptTemplate.from_template("{input}") | ChatBlueNexus(**kwargs) | StrOutputParser()


MODELS = {
    "client": BlueNexus,
    "langchain": ChatBlueNexus,
    "chain": chain,
    "llamaindex": LlamaBlueNexus,
    "query engine": lambda **kwargs: LlamaBlueNexus(**kwargs).as_query_engine(),
}


def asked(sandbox: Sandbox) -> Counter[str]:
    return Counter(turn["messages"][-1]["content"] for turn in sandbox.turns())


def run(model: Any, inputs: Any, path: Path, **options: Any) -> dict[str, Any]:
    options = {"progress": False, **options}
    return {row["input"]: row for row in ask_many(model, inputs, path=path, **options)}


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_is_asked_once(kind: str, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    for _ in range(2):  # the second run only reads
        model = MODELS[kind](**sandbox.kwargs("bluenexus"))
        rows = run(model, QUESTIONS, path)
        assert {q: row["answer"] for q, row in rows.items()} == {
            q: q.removeprefix("Say: ") for q in QUESTIONS
        }
        assert {row["status"] for row in rows.values()} == {"answered"}
        assert asked(sandbox) == Counter(QUESTIONS)
    if kind in ("client", "langchain", "llamaindex"):
        row = rows[QUESTIONS[0]]
        assert row["conversation_id"]
        assert row["finish_reason"] == "stop"
        assert row["output_tokens"] > 0


def test_the_same_question_twice_is_two_questions(sandbox: Sandbox, tmp_path: Path) -> None:
    inputs = [QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]]
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    rows = list(ask_many(client, inputs, path=tmp_path / "a.jsonl", progress=False))
    assert len({row["key"] for row in rows}) == 3
    assert asked(sandbox) == Counter(inputs)


def test_results_come_as_they_are_ready(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.slow_first_byte(1.5, endpoint="bluenexus")
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    begun = time.monotonic()
    order = [
        time.monotonic() - begun
        for _ in ask_many(client, QUESTIONS, path=tmp_path / "a", concurrency=4, progress=False)
    ]
    assert order[-2] < 1.4 < order[-1]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_is_bounded(concurrency: int, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.slow_first_byte(0.05, endpoint="bluenexus", times=len(QUESTIONS))
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    run(client, QUESTIONS, tmp_path / "a", concurrency=concurrency)
    log = sandbox.requests("bluenexus")
    spans = [(entry["time"], 1) for entry in log] + [(entry["ended"], -1) for entry in log]
    running = peak = 0
    for _, change in sorted(spans):
        running += change
        peak = max(peak, running)
    assert peak == concurrency


def test_the_limit_of_the_account_is_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    client = BlueNexus(**sandbox.kwargs("bluenexus"), rate_limit="5/second")
    run(client, QUESTIONS, tmp_path / "a", concurrency=8)
    times = sorted(entry["time"] for entry in sandbox.requests("bluenexus"))
    assert len(times) == 12
    assert times[-1] - times[0] > 1.9
    assert all(later - first > 0.9 for first, later in zip(times, times[5:], strict=False))


def test_errors_are_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    sandbox.fail_next(500, endpoint="bluenexus")
    client = BlueNexus(**sandbox.kwargs("bluenexus"), max_retries=0)
    rows = run(client, QUESTIONS, path, concurrency=1)
    (failed,) = (row for row in rows.values() if row["status"] == "failed")
    assert failed["error_type"] == "ServerError"
    assert "500" in failed["error"]
    assert failed["input"] == QUESTIONS[0]

    again = run(client, QUESTIONS, path)  # it may have run: it is not asked again
    assert again[QUESTIONS[0]]["status"] == "failed"
    assert len(sandbox.requests("bluenexus")) == 12
    again = run(client, QUESTIONS, path, repeat_failed=True)
    assert again[QUESTIONS[0]]["answer"] == "answer 0"
    assert again[QUESTIONS[0]]["asked"] == 2
    assert len(sandbox.requests("bluenexus")) == 13


@pytest.mark.parametrize("fault", [{"status": 429}, {"status": 401}])
def test_what_did_not_run_is_asked_again(
    fault: dict[str, Any], sandbox: Sandbox, tmp_path: Path
) -> None:
    client = BlueNexus(**sandbox.kwargs("bluenexus"), max_retries=0)
    sandbox.fail_next(**fault, endpoint="bluenexus")
    assert run(client, QUESTIONS[:1], tmp_path / "a")[QUESTIONS[0]]["status"] == "failed"
    assert run(client, QUESTIONS[:1], tmp_path / "a")[QUESTIONS[0]]["status"] == "answered"


def test_an_unreachable_host_is_a_row(tmp_path: Path) -> None:
    client = BlueNexus(base_url="http://127.0.0.1:9", api_key="k", max_retries=0)
    row = run(client, ["Hi"], tmp_path / "a")["Hi"]
    assert (row["status"], row["error_type"]) == ("failed", "AgentConnectionError")


SCRIPT = """
import sys
from remote_agents import BlueNexus
from remote_agents.bulk.run import ask_many
url, path = sys.argv[1:]
client = BlueNexus(base_url=url, agent_id="agent-3f9c21", api_key="sandbox-bluenexus-key")
questions = [f"Say: answer {n}" for n in range(12)]
for row in ask_many(client, questions, path=path, concurrency=2, progress=False):
    print(row["input"], flush=True)
"""


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_is_resumed(signal_: signal.Signals, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    sandbox.slow_first_byte(0.15, endpoint="bluenexus", times=8)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, sandbox.url, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    before = [process.stdout.readline() for _ in range(4)]
    time.sleep(0.07)  # the next two are in flight
    process.send_signal(signal_)
    process.communicate(timeout=20)
    assert all(before)

    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    rows = run(client, QUESTIONS, path)
    lost = {q for q, row in rows.items() if row["status"] == "in_flight"}
    assert len(rows) == 12
    assert max(asked(sandbox).values()) == 1
    if signal_ == signal.SIGINT:  # what was in flight was waited for
        assert not lost
        return
    assert len(lost) == 2
    assert all(row["was_in_flight"] for q, row in rows.items() if q in lost)

    rows = run(client, QUESTIONS, path, repeat_in_flight=True)
    assert {row["status"] for row in rows.values()} == {"answered"}
    assert {q for q, row in rows.items() if row["was_in_flight"]} == lost
    assert {q for q, row in rows.items() if row["asked"] > 1} == lost
    assert {q for q, times in asked(sandbox).items() if times > 1} <= lost


def test_a_half_written_line_is_dropped(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    run(client, QUESTIONS[:3], path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    rows = run(client, QUESTIONS[:3], path, concurrency=1)
    assert Counter(row["status"] for row in rows.values()) == {"answered": 2, "in_flight": 1}
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    "edited",
    [
        lambda whole: whole.rstrip(b"\n"),
        lambda whole: whole + b"\n",
        lambda whole: whole + b'{"k',
        lambda whole: whole + b'{"key": "x", "citations": [{}',
        lambda whole: whole + bytes(4096),
        lambda whole: whole + b'{"k' + bytes(99),
    ],
    ids=[
        "no last newline",
        "a blank line",
        "a line just begun",
        "half a line that ends in }",
        "zeros",
        "a line just begun, and zeros",
    ],
)
def test_no_answer_is_lost_to_an_untidy_end(edited: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    run(client, QUESTIONS[:3], path)
    path.write_bytes(edited(path.read_bytes()))
    rows = run(client, QUESTIONS[:4], path, concurrency=1)
    assert {row["status"] for row in rows.values()} == {"answered"}
    assert asked(sandbox) == Counter(QUESTIONS[:4])
    again = run(client, QUESTIONS[:4], path)
    assert again == rows


def test_two_questions_of_one_key_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    client, path = BlueNexus(**sandbox.kwargs("bluenexus")), tmp_path / "a"
    with pytest.raises(ConfigurationError, match="'same'"):
        run(client, QUESTIONS, path, key=lambda _: "same")
    (row,) = run(client, QUESTIONS[:1], path, key=lambda _: "same").values()
    assert (row["status"], row["asked"]) == ("answered", 1), "the first one is kept"


def test_changed_questions(sandbox: Sandbox, tmp_path: Path) -> None:
    client, path = BlueNexus(**sandbox.kwargs("bluenexus")), tmp_path / "a"
    run(client, QUESTIONS[:2], path)
    rows = run(client, [QUESTIONS[1], "Say: something new"], path)
    assert set(rows) == {QUESTIONS[1], "Say: something new"}
    assert asked(sandbox) == Counter([*QUESTIONS[:2], "Say: something new"])
    # With a key of its own a question may be worded anew, and is still the same one.
    keyed = tmp_path / "keyed"
    first = run(client, ["Say: one"], keyed, key=lambda _: "k1")
    assert run(client, ["Say: two"], keyed, key=lambda _: "k1") == first


def test_a_file_of_something_else_is_left_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    for content in ("My thesis\n", "My thesis", '{"a": 1}\n', "[]\n"):
        path.write_text(content)
        client = BlueNexus(**sandbox.kwargs("bluenexus"))
        with pytest.raises(ConfigurationError, match=r"thesis\.txt, line 1"):
            run(client, QUESTIONS, path)
        assert path.read_text() == content


def test_two_runs_do_not_share_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    first = ask_many(client, QUESTIONS, path=tmp_path / "a", progress=False)
    next(first)
    with pytest.raises(ConfigurationError, match=r"another run.*rows\.close\(\)"):
        run(client, QUESTIONS, tmp_path / "a")
    first.close()
    rows = run(client, QUESTIONS, tmp_path / "a")
    assert Counter(row["status"] for row in rows.values()) == {"answered": 12}
    assert asked(sandbox) == Counter(QUESTIONS)


@pytest.mark.parametrize("kind", ["client", "langchain", "llamaindex"])
def test_a_session_is_asked_in_order(kind: str, sandbox: Sandbox, tmp_path: Path) -> None:
    dialogue = [("u1", "My name is Ada."), ("u2", "Hello"), ("u1", "What did I just say?")]
    names = {text: who for who, text in dialogue}
    model = MODELS[kind](**sandbox.kwargs("bluenexus"), session_store=InMemorySessionStore())
    rows = run(model, [text for _, text in dialogue], tmp_path / "a", session=names.__getitem__)
    assert "My name is Ada." in rows["What did I just say?"]["answer"]
    talked = {turn["conversation_id"] for turn in sandbox.turns("bluenexus")}
    assert len(talked) == 2


@pytest.mark.parametrize(
    "sessions",
    [[None, "alice", "alice", "alice"], ["alice", None, None, None, None]],
    ids=["none first", "none last"],
)
def test_only_the_questions_of_a_session_wait_for_each_other(
    sessions: list[str | None], sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.slow_first_byte(0.3, endpoint="bluenexus", times=len(sessions))
    of = dict(zip(QUESTIONS, sessions, strict=False))
    client = BlueNexus(**sandbox.kwargs("bluenexus"), session_store=InMemorySessionStore())
    run(client, list(of), tmp_path / "a", session=of.__getitem__)
    talked = [turn["messages"][-1]["content"] for turn in sandbox.turns("bluenexus")]
    assert [q for q in talked if of[q]] == [q for q in of if of[q]]
    log = sandbox.requests("bluenexus")
    together = [entry for entry in log if entry["time"] < log[0]["ended"]]
    assert len(together) == sessions.count(None) + 1


@pytest.mark.parametrize("path", ["{}/a.jsonl", "sqlite:///{}/a.db"])
@pytest.mark.parametrize("key", [int, lambda q: ("q", int(q)), lambda q: q == "1"])
def test_a_key_need_not_be_text(key: Any, path: str, sandbox: Sandbox, tmp_path: Path) -> None:
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    for _ in range(2):  # the second run only reads
        rows = run(client, ["1", "2"], path.format(tmp_path), key=key)
        assert {q: row["key"] for q, row in rows.items()} == {q: str(key(q)) for q in "12"}
        assert asked(sandbox) == Counter("12")


def test_the_bar_counts(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(BlueNexus(**sandbox.kwargs("bluenexus")), QUESTIONS, tmp_path / "a", progress=True)
    shown = capsys.readouterr().err
    assert "12/12" in shown
    assert "answered=12" in shown


@pytest.mark.parametrize(
    "path", ["{}", "/proc/none/a.jsonl", "postgresql+psycopg://x@127.0.0.1:1/x", "sqlite:////{}"]
)
def test_a_path_that_cannot_be_used_is_a_mistake_of_the_configuration(
    path: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    client = BlueNexus(**sandbox.kwargs("bluenexus"))
    with pytest.raises(ConfigurationError, match=r"cannot be (written|used)"):
        run(client, QUESTIONS, path.format(tmp_path))
    assert not sandbox.turns()


@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        ("Hello", {}, "a list of questions"),
        (DataFrame({"question": ["Hello"]}), {}, "a list of questions.* one column"),
        (QUESTIONS, {"key": "id"}, "key is a function of an input, not str"),
        (QUESTIONS, {"session": "user"}, "session is a function of an input, not str"),
        (QUESTIONS, {"concurrency": "4"}, "concurrency .* not '4'"),
        (QUESTIONS, {"concurrency": 0}, "concurrency .* not 0"),
    ],
)
def test_what_is_no_list_of_questions_and_no_option_is_refused(
    inputs: Any, options: dict[str, Any], said: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        run(BlueNexus(**sandbox.kwargs("bluenexus")), inputs, tmp_path / "a", **options)
    assert not sandbox.turns()
    assert not os.listdir(tmp_path)


def test_a_batch_without_questions_is_told_which_column_it_lacks(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    asker = Asker(BlueNexus(**sandbox.kwargs("bluenexus")), tmp_path / "a")
    with pytest.raises(ConfigurationError, match=r"column 'input'.* question, city"):
        asker({"question": ["Hello"], "city": ["Bonn"]})
    asker.close()


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not int"):
        ask_many(42, QUESTIONS, path=tmp_path / "a")
    assert not os.listdir(tmp_path)
