"""The format: what is written is read as it was, and a person can write it too."""

import string

from hypothesis import given, strategies as st

from remote_agents import Transcript
from remote_agents.recording.transcript import Interaction

token = st.text(string.ascii_letters + "-", min_size=1)
value = st.text(string.printable.translate({9: None, 10: None, 11: None, 12: None, 13: None}))
headers = st.lists(st.tuples(token, value.map(str.strip)), max_size=3)
body = st.one_of(st.binary(), st.text().map(str.encode), st.text("\n\r#> ¦␍⟨").map(str.encode))
interactions = st.builds(
    Interaction,
    method=st.sampled_from(["GET", "POST"]),
    target=st.text(string.ascii_letters + "/?=&%", min_size=1),
    headers=headers,
    body=body,
    status=st.integers(100, 599),
    answer_headers=headers,
    pieces=st.lists(body.filter(bool), max_size=4),
    end=st.sampled_from(["whole", "left", "broken, StreamInterruptedError"]),
)
transcripts = st.builds(
    Transcript,
    facts=st.dictionaries(token, value.map(str.strip), max_size=3),
    interactions=st.lists(interactions, max_size=3),
)


@given(transcript=transcripts)
def test_what_is_written_is_read(transcript: Transcript) -> None:
    assert Transcript.read(str(transcript)) == transcript


def test_an_answer_alone() -> None:
    read = Transcript.read("# source: the document\n\nHTTP/1.1 200 OK\nX-A: b\n\ndata: x\n\n")
    assert read.facts == {"source": "the document"}
    (interaction,) = read.interactions
    assert (interaction.status, interaction.answer_headers) == (200, [("X-A", "b")])
    assert (interaction.method, interaction.pieces, interaction.end) == (
        "",
        [b"data: x\n\n"],
        "whole",
    )


def test_marks_are_seen() -> None:
    shown = str(
        Transcript({}, [Interaction(status=200, pieces=["ä\r\n".encode()[:1], b"\xa4\r\n#"])])
    )
    assert "⟨c3⟩¦⟨a4⟩␍\n⟨23⟩\n# end: left" in shown
