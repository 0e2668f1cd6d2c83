"""From a question to an answer, without a model: the sentences that fit best, and where from."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.knowledge import Hit, Knowledge
from remote_agents.sandbox.mind.reading import TALKERS, Reading, Sentence, read, talks, told_by
from remote_agents.sandbox.mind.schema import Filler, Schema, corrected, find_shape
from remote_agents.sandbox.mind.scoring import LEAST, Candidate, Query, followed, gist, parts_of
from remote_agents.sandbox.mind.tasks import perform
from remote_agents.sandbox.mind.values import Field
from remote_agents.sandbox.mind.words import pattern, spoken, terms, topic_words

COUNT, ASKED_BEFORE = pattern(r"\bcount (?:from 1 )?to (\d{1,6})\b"), pattern(spoken("said before"))
FIRST, STATED = pattern(spoken("first")), pattern(rf"\W*(?:{spoken('polite')} )*{spoken('states')}")
SMALL_TALK = {
    r"(?s)^\s*(?:say|repeat(?: after me)?)(?: exactly)?\s*:\s*(.*\S)\s*$": r"\1",
    r"^\W*(?:say|reply with|respond with)(?: the words?)? ['\"“](.+)['\"”]\W*$": r"\1",
    rf"^\W*{spoken('hello')}": "Hello! Ask me anything about the handbook.",
    rf"^\W*{spoken('thanks')}": "You are welcome! I am here if you need anything else.",
    spoken("who are you"): "I answer questions from the documents that I was given.",
    spoken("joke"): "Why did the harbor never get lost? It always knew its docks by heart.",
}
Found = tuple[list[Candidate], list[Hit]]
# "If it is not there, say 'unknown'", and NO_OUTPUT.
REFUSAL = pattern(
    rf"{spoken('if')}[^\n]{{0,160}}?{spoken('says')}[^\"“„「\n.]{{0,24}}?"
    r"(?:[\"“„「]([^\"“”」\n]{2,80})[\"“”」]|\b((?-i:[A-Z]+_[A-Z_]+))\b)"
)
NOTHING = "I could not find anything about that in my documents."


@dataclass(frozen=True)
class Ask:
    """A request: its messages, oldest first, after those that the server already held.

    A schema is what the answer has to obey, an empty one any JSON object; `limit` counts words.
    """

    messages: list[JsonObject]
    stored: list[JsonObject] = field(default_factory=list)
    files: tuple[str, ...] = ()
    schema: JsonObject | None = None
    limit: int | None = None
    stop: tuple[str, ...] = ()

    @property
    def dialogue(self) -> list[tuple[str, str]]:
        """Everything known of the conversation as (role, text)."""
        return [(str(m["role"]), str(m["content"])) for m in (*self.stored, *self.messages)]


@dataclass(frozen=True)
class Answer:
    """What to say, and where it is from."""

    text: str
    reasoning: str = "The message needs no look into the documents."
    query: str = ""
    used: tuple[Hit, ...] = ()
    found: tuple[Hit, ...] = ()


class Sources(NamedTuple):
    """What an answer can be taken from: the prompt, what was said and answered earlier, and asked.

    The newest question comes first.
    """

    given: list[Sentence]
    told: list[Sentence]
    answered: list[Sentence]
    asked: list[str]


class Brain:
    """Answers from documents, from what was said before and, if it may, from the prompt itself."""

    def __init__(self, knowledge: Knowledge, *, use_context: bool = True) -> None:
        self.knowledge, self.use_context = knowledge, use_context

    def answer(self, ask: Ask) -> Answer:
        """Answer a question, as prose or as JSON."""
        dialogue = ask.dialogue
        last = max((at for at, (role, _) in enumerate(dialogue) if role == "user"), default=-1)
        prompt = [text for role, text in dialogue if role not in TALKERS]
        prompt += [dialogue[last][1]] if dialogue else [""]
        shapes, (*rest, text) = zip(*map(find_shape, prompt), strict=True)
        schema = next(filter(None, (ask.schema, *shapes)), ask.schema)
        if not schema and (again := self._corrected(ask, dialogue[:last], text)):
            return again
        reading = read(text)
        before = [*dialogue[:last], *reading.turns][::-1]
        user, assistant = ([said for role, said in before if role == by] for by in TALKERS)
        told, answered = (
            [part for part in told_by(*said) if not self.knowledge.home_of(part.text)]
            for said in (user, assistant)
        )
        given = [*told_by(*rest), *reading.told] if self.use_context else []
        sources = Sources(given, told, answered, [read(each).question for each in user])
        if schema is not None:
            return self._as_json(schema, reading, sources)
        done = perform("\n\n".join([*rest, text]), reading.question, user)
        if said := done or _small_talk(text, reading.question, user):
            return Answer(said)
        answer, count = self._prose(reading, sources), len(ask.files)
        got = f"I received {count} file{'s'[: count - 1]}: {', '.join(ask.files)}. "
        said = _worded("\n".join([*rest, text]), answer.text)
        return replace(answer, text=got + said if count else said)

    def _corrected(self, ask: Ask, before: list[tuple[str, str]], complaint: str) -> Answer | None:
        """The answer to an earlier message with a form, where this one says what is wrong."""
        for at, (role, said) in reversed([*enumerate(before)]):
            form = find_shape(said)[0] if role == "user" else None
            if schema := form and corrected(form, complaint):
                messages: list[JsonObject] = [
                    {"role": r, "content": c} for r, c in before[: at + 1]
                ]
                return self.answer(replace(ask, stored=[], messages=messages, schema=schema))
        return None

    def _prose(self, reading: Reading, sources: Sources) -> Answer:
        """What answers the question, or the one before it where this message only brings more."""
        question = reading.question
        for asked in [asked for asked in sources.asked if read(asked).asks][:1]:
            brings = not reading.asks and self._query(asked, []).ranked(reading.told)
            if reading.talks or brings:
                return self._composed(asked, *self._found(asked, sources))
        asks = reading.talks and Sentence(question).asks
        if sure := asks and self._query(question, []).ranked(sources.given, 0.8)[:1]:
            return self._composed(question, sure, [])
        if reading.talks and any(part.text for part in sources.given):
            return self._composed(question, gist(sources.given), [])
        return self._composed(question, *self._found(question, sources))

    def _found(self, question: str, sources: Sources) -> Found:
        """The sentences to answer with, one for each part, and the sections that were found."""
        parts, asked = parts_of(question), sources.asked
        answers, offered = list[Candidate](), list[Hit]()
        for part in parts:
            found, hits = self._ranked(self._query(part, followed(part, asked)), sources)
            answers += found[:1] if len(parts) > 1 else _best(found)
            offered, asked = offered + hits, [part, *asked]
        return list(dict.fromkeys(answers)), list(dict.fromkeys(offered))

    def _ranked(self, query: Query, sources: Sources, least: float = LEAST) -> Found:
        """What everything known says to a question, best first, and the sections searched.

        Documents, and earlier answers, have to be clearly better than what was told.
        """
        hits = self.knowledge.search(tuple(query.weights))
        text = sum(not talks(part) for part in sources.given) > 2
        found = query.ranked([*sources.told, *sources.given], least)
        found += [one._replace(score=0.75 * one.score) for one in query.ranked(sources.answered)]
        for hit in hits:
            found += query.ranked(hit.section.sentences, 0.8 if text else LEAST, hit)
        return sorted(found, key=lambda candidate: -candidate.score), hits

    def _evidence(
        self, question: str, sources: Sources, documents: bool, field: Field
    ) -> list[str]:
        """The sentences for a field: all that is said of it, its name alone, and the question."""
        topics, found = [question, *followed(question, sources.asked)], list[tuple[float, str]]()
        for worth, text in ((1.0, " ".join(field)), (0.8, field.title)):
            ranked = self._ranked(self._query(text, topics), sources, 0.2)[0]
            found += [(worth * one.score, one.text) for one in ranked if documents or not one.hit]
        return [text for _, text in sorted(found, key=lambda one: -one[0])]

    def _query(self, text: str, topics: Sequence[str]) -> Query:
        return Query.of(text, *map(self.knowledge.weights, (text, " ".join(topics))))

    def _composed(self, question: str, chosen: list[Candidate], hits: list[Hit]) -> Answer:
        """The chosen sentences, those of one page together with its title."""
        reasoning, nothing = _reasoning(question, chosen, hits), NOTHING
        if _states(question) and not any(one.hit for one in chosen[:1]):
            chosen, nothing = [], f"Noted, I will remember that. You said: {question}"
        parts = []
        for page in dict.fromkeys(one.page for one in chosen):
            text = " ".join(dict.fromkeys(one.text for one in chosen if one.page == page))
            parts.append(f"{text.rstrip('. ')} (see {page})." if page else text)
        copied = (self.knowledge.home_of(one.text) for one in chosen)  # by a retriever
        used = dict.fromkeys(one.hit or hit for one, hit in zip(chosen, copied, strict=True))
        return Answer(
            " ".join(parts) or nothing, reasoning, question, tuple(filter(None, used)), tuple(hits)
        )

    def _as_json(self, schema: Schema, reading: Reading, sources: Sources) -> Answer:
        """A value for a schema; each field is answered like a question of its own.

        Where a prompt brings a text, and no document answers, the fields are of that text alone.
        """
        answer = self._prose(reading, sources)
        question = reading.question if reading.asks or answer.used else ""
        schema = schema or {"properties": {"answer": {"type": "string"}}}
        if reply := _small_talk(reading.question, reading.question, []):
            sources = Sources(told_by(reply), [], [], [])  # a joke has its parts
        texts = [part for part in sources.given if part.text and (reply or not talks(part))]
        documents = bool(answer.used or not texts) and not reply
        evidence = partial(self._evidence, question, sources, documents)
        told = [part.text for part in texts]
        said = "" if answer.text == NOTHING else answer.text
        try:
            value = Filler(schema, said, question, evidence, told).fill(schema)
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            value = {}  # Not a schema after all.
        return replace(answer, text=json.dumps(value, ensure_ascii=False))


def _worded(text: str, answer: str) -> str:
    """An answer as a prompt wants it: with its score or source, and a refusal in its own words."""
    found = answer != NOTHING
    source = "".join(re.findall(r"(?m)^Source: (.+)$", text.partition(answer)[2])[:1])
    forms = {
        r"\bYES ?(?:/|or) ?NO\b": ("NO", "YES")[found],
        r"(?m)^Score: (?:\[|<|$)": f"{answer}\nScore: {100 * found}",
        r'\("SOURCES"\)': f"{answer}\nSOURCES: {source}",
    }
    graded = next((graded for form, graded in forms.items() if re.search(form, text)), answer)
    refusal = None if found else REFUSAL.search(text)
    return refusal[refusal.lastindex or 0] if refusal else graded


def _states(text: str) -> bool:
    """Whether a text tells something of the one who speaks."""
    return bool(STATED.match(text)) and not read(text).asks


def _small_talk(text: str, question: str, said: Sequence[str]) -> str | None:
    if counted := COUNT.search(question):
        return " ".join(map(str, range(1, int(counted[1]) + 1)))
    if ASKED_BEFORE.search(question):
        told = list(said)[::-1] if FIRST.search(question) else said
        return [*map("You said: {}".format, told), "You have not said anything before."][0]
    for talk, reply in zip(map(pattern, SMALL_TALK), SMALL_TALK.values(), strict=True):
        found = talk.search(text)
        if found and len(terms(talk.sub("", text))) <= (0 if "?" in text else 4):
            return found.expand(reply)
    return None


def _best(ranked: list[Candidate]) -> list[Candidate]:
    """The best sentence and up to two that are nearly as good, one of them from elsewhere."""
    chosen = ranked[:1]
    for same, enough in ((True, 0.86), (False, 0.95))[: 1 + any(one.hit for one in chosen)]:
        beside = (one for one in ranked[1:12] if (one.hit == ranked[0].hit) is same)
        near = (one for one in beside if one.score >= enough * ranked[0].score)
        chosen += [one for one in near if one.text != ranked[0].text][:1]
    return chosen


def _reasoning(question: str, chosen: Sequence[Candidate], hits: Sequence[Hit]) -> str:
    topic = ", ".join(topic_words(question)[:4]) or "something said before"
    pages = ", ".join(dict.fromkeys(hit.section.title for hit in hits[:3])) or "no page"
    told = "What I was told in the conversation"
    where = [f"{f'The page {one.page}' if one.page else told} answers it best." for one in chosen]
    best = [*where, "None of it answers the question."][0]
    return f"The question is about {topic}. The documents offer {pages}. {best}"
