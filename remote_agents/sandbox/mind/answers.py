"""From a question to an answer, without a model: the sentences that fit best, and where from."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.choosing import choose
from remote_agents.sandbox.mind.knowledge import Hit, Knowledge, Section
from remote_agents.sandbox.mind.reading import (
    Reading,
    is_about_the_text,
    parts_of,
    read,
    told_by,
    wants_standalone,
)
from remote_agents.sandbox.mind.schema import Filler, Schema, find_form, find_schema
from remote_agents.sandbox.mind.scoring import LEAST, Candidate, Query, gist, talks
from remote_agents.sandbox.mind.words import Sentence, about_the_talk, sentences, terms, topic_words

FOLLOW_UP = re.compile(
    r"^\W*(?:and|but|so|also|then|or|ok(?:ay)?|what about|how about|what if|why|same|und|aber|"
    r"was ist mit)\b|\b(?:it|they|them|those|that|these|this|ones?|there|he|she|dort|dafür|dazu)\b"
    r"|^\W*那|[它他她]",
    re.IGNORECASE,
)
MINE = re.compile(r"\b(?:my|mine|i|me|our|we|mein\w*|ich|mir|wir|unser\w*)\b|我", re.IGNORECASE)
HELLO = re.compile(
    r"^\W*(?:(?:hello|hi|hey|good (?:morning|afternoon|evening|day)|howdy|ping|hallo|guten \w+)\b"
    r"|你好|您好)",
    re.IGNORECASE,
)
JOKE = re.compile(r"\b(?:a joke|something funny|einen witz)\b|笑话", re.IGNORECASE)
THANKS = re.compile(r"^\W*(?:(?:thanks|thank you|bye|goodbye|danke)\b|谢谢)", re.IGNORECASE)
ASKED_BEFORE = re.compile(
    r"\bwhat did i (?:just |first )?(?:ask|say|write|tell)|\bwas habe ich .*(?:gesagt|gefragt)"
    r"|我.*[说问]了?什么",
    re.IGNORECASE,
)
COUNT = re.compile(r"\bcount (?:from 1 )?to (\d{1,6})\b", re.IGNORECASE)
ECHO = re.compile(r"^\s*(?:say|repeat(?: after me)?)\s*:\s*(.+)$", re.IGNORECASE | re.DOTALL)
STATED = re.compile(
    r"^\W*(?:please |bitte )?"
    r"(?:(?:my|i|i'm|we|remember|note|call me|mein\w*|ich|merke?)\b|我|请?记)",
    re.IGNORECASE,
)
NOTHING = "I could not find anything about that in my documents."


@dataclass(frozen=True)
class Ask:
    """A request for an answer.

    Args:
        messages: the messages of the request, each with role and content, oldest first.
        stored: the messages that the server already held.
        files: names of attached files and images.
        schema: the JSON schema the answer has to obey; an empty one means any JSON object.
        limit: the most words to say.
        stop: texts at which to stop.
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


@dataclass(frozen=True)
class Sources:
    """What an answer can be taken from: what the prompt gives, and what the user said earlier."""

    given: tuple[Sentence, ...]
    history: tuple[tuple[str, str], ...]

    @property
    def questions(self) -> list[Reading]:
        """What the user wrote earlier, the newest first."""
        return [read(text) for role, text in reversed(self.history) if role == "user"]

    @property
    def asked(self) -> list[str]:
        """The earlier questions, the newest first."""
        return [reading.question for reading in self.questions]

    @property
    def remembered(self) -> list[Sentence]:
        """What the user stated earlier; the newest first."""
        return [part for part in self._said("user") if not part.asks]

    @property
    def answered(self) -> list[Sentence]:
        """What the earlier answers say, the newest first, without the pages that they name."""
        said = self._said("assistant")
        return [part._replace(text=re.sub(r" \(see [^)]+\)\.$", ".", part.text)) for part in said]

    def _said(self, by: str) -> list[Sentence]:
        said = [told_by(text) for role, text in reversed(self.history) if role == by]
        return [part for parts in said for part in parts]


class Brain:
    """Answers from documents, from context in the prompt, and from what was said before.

    Args:
        knowledge: the documents.
        use_context: whether sentences in the prompt may be the answer.
    """

    def __init__(self, knowledge: Knowledge, *, use_context: bool = True) -> None:
        self.knowledge, self.use_context = knowledge, use_context

    def answer(self, ask: Ask) -> Answer:
        """Answer a question, as prose or as JSON."""
        dialogue = ask.dialogue
        users = [i for i, (role, _) in enumerate(dialogue) if role == "user"]
        last = users[-1] if users else len(dialogue) - 1
        text = dialogue[last][1] if dialogue else ""
        asides = [said for role, said in dialogue if role not in ("user", "assistant")]
        schema, text, asides = _shape_in(ask.schema, text, asides, find_schema)
        choice = choose(text, self.knowledge.weight) if schema is None else None
        if choice is not None:
            return Answer(choice, "The message asks to choose among what it offers.")
        schema, text, asides = _shape_in(schema, text, asides, find_form)
        before = [turn for turn in dialogue[: max(last, 0)] if turn[0] in ("user", "assistant")]
        reading = read(text)
        given = (*reading.told, *(part for aside in asides for part in told_by(aside)))
        sources = Sources(given if self.use_context else (), (*before, *reading.turns))
        if schema is not None:
            return self._as_json(schema, reading, sources)
        if wants_standalone([text, *asides]):
            return Answer(_standalone(reading.question, sources.asked))
        chat = _small_talk(text, reading.question, sources)
        return Answer(chat) if chat else _with_files(self._prose(reading, sources), ask.files)

    def _prose(self, reading: Reading, sources: Sources) -> Answer:
        """What answers the question, or the one before it where this message only brings more."""
        talk = is_about_the_text(reading.question) if reading.asks else talks(reading)
        earlier = [asked for asked in sources.questions if asked.asks]
        if earlier and (talk or self._told(earlier[0], reading)):
            return self._composed(earlier[0].question, *self._found(earlier[0].question, sources))
        if talk and sources.given:
            return self._composed(reading.question, gist(sources.given), [])
        return self._composed(reading.question, *self._found(reading.question, sources))

    def _told(self, asked: Reading, reading: Reading) -> bool:
        """Whether a message brings the answer to an earlier question."""
        if reading.asks or STATED.match(reading.question) or not self.use_context:
            return False
        return bool(self._query(asked.question, []).ranked(reading.told))

    def _found(self, question: str, sources: Sources) -> tuple[list[Candidate], list[Hit]]:
        """The sentences to answer with, and the sections that the search offers."""
        parts, asked = parts_of(question), sources.asked
        if len(parts) == 1 or not all(map(terms, parts)):
            found, hits = self._ranked(self._query(question, asked), sources, MINE.search(question))
            return _best(found), hits
        answers: dict[Candidate, None] = {}
        offered: dict[Hit, None] = {}
        for part in parts:
            found, hits = self._ranked(self._query(part, asked), sources)
            answers |= dict.fromkeys(found[:1])
            offered |= dict.fromkeys(hits)
            asked = [part, *asked]
        return [*answers], [*offered]

    def _ranked(
        self, query: Query, sources: Sources, mine: object = None, documents: float = 0.7
    ) -> tuple[list[Candidate], list[Hit]]:
        """What everything known says to a question, best first, and the sections searched.

        Documents have to be clearly better than the prompt, and earlier answers than all others.
        """
        hits = self.knowledge.search(tuple(query.weights))
        strict = query._replace(least=LEAST)
        given = [part for part in sources.given if part.text not in query.text]
        found = query.ranked(given)
        found += query.ranked(sources.remembered, 1.15 if mine else 1.0)
        for hit in hits:
            found += strict.ranked(sentences(hit.section.text), documents, hit)
        home = self.knowledge.home_of
        said = [p for p in sources.answered if not (home(p.text) or home(f"{p.label}: {p.text}"))]
        found += strict.ranked(said, 0.75)
        return sorted(found, key=lambda candidate: -candidate.score), hits

    def _evidence(self, field: tuple[str, ...], question: str, sources: Sources) -> list[str]:
        """The sentences for a field: its name tells most, and the question what it is about."""
        asked = self._query(question, sources.asked).weights
        found: list[Candidate] = []
        for worth, name in zip((1.0, 0.8), field, strict=True):
            words: Counter[str] = Counter()
            named = {term: self.knowledge.weight(term) for term in terms(name)}
            for share, weights in ((1.0, named), (0.6, asked)):
                total = sum(weights.values())
                words.update({term: share * weight / total for term, weight in weights.items()})
            ranked = self._ranked(Query("", dict(words), 0.2), sources, documents=0.5)[0]
            found += [one._replace(score=worth * one.score) for one in ranked if named]
        return [one.text for one in sorted(found, key=lambda candidate: -candidate.score)]

    def _query(self, question: str, asked: list[str]) -> Query:
        """The terms of a question with their weights; a follow-up inherits its topic."""
        weights = {term: self.knowledge.weight(term) for term in terms(question)}
        topics = [term for term in weights if not about_the_talk(term)]
        if topics:
            weights |= {t: 0.3 * w for t, w in weights.items() if t not in topics}
        inherited: dict[str, float] = {}
        share, text = 0.6, question
        for before in asked:
            if not _follows(text) or share < 0.2:
                break
            fresh = [t for t in terms(before) if t not in weights and t not in inherited]
            inherited |= {term: share * self.knowledge.weight(term) for term in fresh}
            text, share = before, share / 2
        # Never more than what the question itself says, or any earlier topic would answer it.
        most = 0.8 * sum(weights.values()) or 1.0
        scale = min(1.0, most / (sum(inherited.values()) or 1.0))
        weights |= {term: scale * weight for term, weight in inherited.items()}
        return Query(question, weights)

    def _composed(self, question: str, chosen: list[Candidate], hits: list[Hit]) -> Answer:
        reasoning = _reasoning(question, chosen, hits)
        noted = _noted(question)
        if not chosen or (noted and chosen[0].hit is None):
            return Answer(noted or NOTHING, reasoning, question, (), tuple(hits))
        used = tuple(dict.fromkeys(h for c in chosen if (h := self._source(c)) is not None))
        return Answer(_compose(chosen), reasoning, question, used, tuple(hits))

    def _source(self, candidate: Candidate) -> Hit | None:
        """The section to cite: where a sentence was found, or was copied from by a retriever."""
        if candidate.hit is not None:
            return candidate.hit
        section = self.knowledge.home_of(candidate.text)
        return None if section is None else Hit(section, round(min(candidate.score, 1.0), 4))

    def _as_json(self, schema: JsonObject, reading: Reading, sources: Sources) -> Answer:
        """A value for a schema; each field is answered like a question of its own."""
        answer = self._prose(reading, sources)
        # Without a question, all of the text is what the fields are taken from.
        question = reading.question if reading.asks or len(reading.told) < 2 else ""

        def evidence(*field: str) -> list[str]:
            whole = is_about_the_text(" ".join(field))
            return [answer.text] if whole else self._evidence(field, question, sources)

        schema = schema or {"properties": {"answer": {"type": "string"}}}
        filler = Filler(schema, answer.text, question, evidence)
        try:
            value = filler.fill()
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            value = {}  # Not a schema after all.
        return replace(answer, text=json.dumps(value, ensure_ascii=False))


def _shape_in(
    given: Schema | None,
    text: str,
    asides: list[str],
    find: Callable[[str], tuple[Schema, str] | None],
) -> tuple[Schema | None, str, list[str]]:
    """The schema that a request or its texts ask for, and the texts without it."""
    for index, each in enumerate((text, *asides)):
        found = find(each)
        if found is not None:
            texts = [text, *asides]
            texts[index] = found[1]
            return given or found[0], texts[0], texts[1:]
    return given, text, asides


def _follows(question: str) -> bool:
    return bool(FOLLOW_UP.search(question.strip())) or len(terms(question)) <= 1


def _standalone(question: str, earlier: list[str]) -> str:
    """The follow-up with the question that it follows."""
    if not earlier or not _follows(question):
        return question
    return f"{earlier[0].rstrip('?. ')}, {question[:1].lower()}{question[1:]}"


def _small_talk(text: str, question: str, sources: Sources) -> str | None:
    if counted := COUNT.search(question):
        return " ".join(str(number) for number in range(1, int(counted.group(1)) + 1))
    if echoed := ECHO.match(text):
        return echoed.group(1).strip()
    if ASKED_BEFORE.search(question):
        said = [words for role, words in sources.history if role == "user"]
        return f"You said: {said[-1]}" if said else "You have not said anything before."
    if JOKE.search(question):
        return "Why did the harbor never get lost? Because it always knew its docks by heart."
    if HELLO.match(text) and len(terms(HELLO.sub("", text))) <= ("?" not in text) * 4:
        return "Hello! Ask me anything about the handbook, and I will look it up for you."
    if THANKS.match(text) and "?" not in text:
        return "You are welcome! I am here if you need anything else from the handbook."
    return None


def _noted(question: str) -> str | None:
    """A statement is remembered, not looked up."""
    if "?" in question or not STATED.match(question):
        return None
    return f"Noted, I will remember that. You said: {question}"


def _best(ranked: list[Candidate]) -> list[Candidate]:
    """The best sentence and up to two that are nearly as good, one of them from elsewhere."""
    chosen = ranked[:1]
    for same, enough in ((True, 0.85), (False, 0.95)):
        for one in ranked[1:12]:
            beside = (one.hit == ranked[0].hit) is same and one.text != ranked[0].text
            if beside and one.score >= enough * ranked[0].score:
                chosen.append(one)
                break
    return chosen


def _compose(chosen: list[Candidate]) -> str:
    pages: dict[str, list[str]] = {}
    for candidate in chosen:
        title = candidate.hit.section.title if candidate.hit else ""
        pages.setdefault(title, []).append(candidate.text)
    return " ".join(_cited(" ".join(texts), title) for title, texts in pages.items())


def _cited(text: str, title: str) -> str:
    return f"{text.rstrip('. ')} (see {title})." if title else text


def _reasoning(question: str, chosen: Sequence[Candidate], hits: Iterable[Hit]) -> str:
    topic = ", ".join(topic_words(question)[:4]) or "something said before"
    pages = ", ".join(dict.fromkeys(hit.section.title for hit in [*hits][:3])) or "no page"
    if not chosen:
        verdict = "None of it answers the question."
    elif chosen[0].hit is None:
        verdict = "What I was told in the conversation answers it best."
    else:
        verdict = f"The page {chosen[0].hit.section.title} answers it best."
    return f"The question is about {topic}. The documents offer {pages}. {verdict}"


def _with_files(answer: Answer, files: tuple[str, ...]) -> Answer:
    if not files:
        return answer
    noun = "file" if len(files) == 1 else "files"
    text = f"I received {len(files)} {noun}: {', '.join(files)}. {answer.text}"
    return replace(answer, text=text)


def citation(hit: Hit, base_url: str) -> JsonObject:
    """A used section as the services store it with a message."""
    section: Section = hit.section
    return {
        "id": section.id,
        "title": section.title,
        "filename": section.filename,
        "url": f"{base_url}{section.path}",
        "text": section.text,
        "score": hit.score,
    }
