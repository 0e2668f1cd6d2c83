"""Many questions to one agent: concurrent, within the account's limit, resumable.

    for row in ask_many(ChatBlueNexus(rate_limit="30/minute"), questions, path="answers.jsonl"):
        print(row["status"], row["answer"])

`Asker` is the same as a callable class for an engine that spreads work over machines, such as Ray
Data's `map_batches`; `docs/bulk.md` shows it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import Context, copy_context
from itertools import islice
from numbers import Integral
from typing import Any

from remote_agents.bulk.journal import JournalEntry, open_journal
from remote_agents.bulk.models import way_of_asking
from remote_agents.bulk.questions import (
    Question,
    digests,
    distinct,
    key_of,
    make_questions,
    refuse_no_questions,
    session_of,
    units_of,
)
from remote_agents.bulk.rows import Row, jsonable
from remote_agents.errors import (
    AgentError,
    AuthenticationError,
    ConfigurationError,
    PermissionDeniedError,
    QuotaExceededError,
    UnsupportedContentError,
)
from remote_agents.json_types import Arguments, JsonMapping
from remote_agents.memory.sessions import current_session, leave_session

logger = logging.getLogger(__name__)

_Rows = Generator[Row, None, None]


def ask_many(
    model: object,
    inputs: Iterable[Any],
    *,
    path: str | os.PathLike[str],
    concurrency: int = 8,
    key: Callable[[Any], object] | None = None,
    session: Callable[[Any], str | None] | None = None,
    repeat_failed: bool = False,
    repeat_in_flight: bool = False,
    run: str = "bulk",
    progress: bool = True,
) -> Iterator[Row]:
    """Ask many questions, and iterate the rows of their answers as they come.

    Nothing is asked twice: run the same call again after an interruption, and it gives the rows
    that are known and asks what is left. A question that was in flight when its run was killed may
    have reached the agent; it is marked and not asked again unless `repeat_in_flight` says so.

    The questions are asked in the context of this call (its context variables, its span, its
    `with session(...)`), wherever the rows are read.

    Args:
        model: A plain client, a LangChain model or chain, a LlamaIndex LLM or query engine. Its own
            `rate_limit` is the account's.
        inputs: Texts, or whatever else the model takes.
        path: File of JSON lines for the rows; or the address of a database, for many workers.
        concurrency: How many questions are in flight at once (default 8).
        key: Names a question across runs, and no other of this run; what is answered under a key is
            not asked again, even if its words have changed. It is kept as text, so 1 and "1" are
            one key. By default a digest of the question and its session, with a count for repeats:
            where a session is asked the same twice, give keys.
        session: Gives the session of a question; None, or an empty cell of a table (NaN), is none.
            Those of one session are asked in order. The inputs are then read into memory first.
        repeat_failed: Also ask again what failed before, though the agent may have acted. What
            certainly did not run is always asked again.
        repeat_in_flight: Also ask again what was in flight.
        run: Tells the runs in one database apart, of other agents or other questions.
        progress: Show a tqdm bar, where tqdm is installed.

    Yields:
        Rows with `key`, `input`, `status` (`answered`, `failed` or `in_flight`), `asked` (how
        often), `answer`, `citations`, `conversation_id`, `finish_reason`, `input_tokens`,
        `output_tokens`, `seconds`, `error`, `error_type`, `safe_to_repeat` and `was_in_flight`.

    Raises:
        ConfigurationError: The model is of no known kind, the inputs are one text or a table, an
            option is of the wrong kind, the path cannot be used, or, while the rows are iterated,
            two questions have one key, or one has none.

    Example:
        >>> rows = ask_many(BlueNexus(), ["How many vacation days do I get?"],
        ...                 path="answers.jsonl")  # doctest: +SKIP
        >>> [row["answer"] for row in rows]  # doctest: +SKIP
        ['Full-time employees receive 25 vacation days ...']
    """
    refuse_no_questions(inputs, key=key, session=session)
    asker = Asker(
        model,
        path,
        concurrency=concurrency,
        repeat_failed=repeat_failed,
        repeat_in_flight=repeat_in_flight,
        run=run,
    )
    questions = make_questions(inputs, key, session, digests())
    rows = asker.ask(questions, in_sessions=session is not None)
    return _with_bar(asker, rows, inputs, progress)


def _with_bar(asker: Asker, rows: _Rows, inputs: object, progress: bool) -> Iterator[Row]:
    bar = _bar(len(inputs) if hasattr(inputs, "__len__") else None) if progress else None
    counts: Counter[str] = Counter()
    try:
        for row in rows:
            counts[row["status"]] += 1
            if bar is not None:
                bar.set_postfix(counts, refresh=False)
                bar.update()
            yield row
    finally:
        rows.close()  # what is in flight still writes to the journal
        asker.close()
        if bar is not None:
            bar.close()


def _bar(total: int | None) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=total, unit="question")


class Asker:
    """Asks the questions it is given, and remembers in a journal which ones.

    As a callable it takes and gives batches as Ray Data's `map_batches` does: a column `input`, and
    where there are columns `key` and `session_id`, these too. Without keys, the same question of
    one session (or of none) in another batch is the same one, and not asked again. Actors that
    share a run name a database as `path`, so that a batch that is run again after a worker died is
    not asked again.

    Args:
        model: As for `ask_many`.
        path: As for `ask_many`.
        concurrency: How many questions this worker has in flight at once (default 8).
        repeat_failed: As for `ask_many`.
        repeat_in_flight: As for `ask_many`.
        run: As for `ask_many`.

    Raises:
        ConfigurationError: As for `ask_many`.

    Example:
        >>> two = ray.data.ActorPoolStrategy(size=2)  # doctest: +SKIP
        >>> dataset.map_batches(Asker, compute=two, batch_size=64, fn_constructor_kwargs={
        ...     "model": model, "path": "postgresql+psycopg://...", "run": "survey"},
        ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        model: object,
        path: str | os.PathLike[str],
        *,
        concurrency: int = 8,
        repeat_failed: bool = False,
        repeat_in_flight: bool = False,
        run: str = "bulk",
    ) -> None:
        self._ask = way_of_asking(model)
        self._concurrency = _read_concurrency(concurrency)
        self._repeat_failed = repeat_failed
        self._repeat_in_flight = repeat_in_flight
        self._journal = open_journal(path, run)

    def __call__(self, batch: JsonMapping) -> Arguments:
        """Answer a batch of columns; its own columns stay, those of a row are added."""
        columns = {name: _values(column) for name, column in batch.items()}
        if "input" not in columns:
            names = ", ".join(map(str, columns))
            raise ConfigurationError(
                f"The questions of a batch are its column 'input'; it has {names or 'no column'}."
            )
        inputs = columns["input"]
        sessions = [*map(session_of, columns.get("session_id") or [None] * len(inputs))]
        keys = [*map(key_of, columns.get("key") or map(digests(), inputs, sessions))]
        rows = {row["key"]: row for row in self.ask(map(Question, keys, inputs, sessions))}
        ordered = [_flat(rows[key]) for key in keys]
        return {**columns, **{name: [row[name] for row in ordered] for name in COLUMNS}}

    def ask(self, questions: Iterable[Question], *, in_sessions: bool = True) -> _Rows:
        """Iterate the rows of some questions, as they come.

        Closing the iterator asks nothing more; what is in flight is waited for and kept. To keep
        the order within each session all questions are read first; without `in_sessions` they are
        taken one by one.

        They are asked in the context of this call (its context variables, its span), wherever the
        rows are read. Those without a session of their own are of a `with session(...)` around it.
        """
        around = current_session() or None
        units = units_of(distinct(questions), in_sessions, around)
        return self._rows(units, copy_context())

    def _rows(self, units: Iterator[Sequence[Question]], context: Context) -> _Rows:
        with ThreadPoolExecutor(self._concurrency, "ask") as pool:
            running: set[Future[list[Row]]] = set()
            try:
                while True:
                    for unit in islice(units, self._concurrency - len(running)):
                        running.add(pool.submit(context.copy().run, self._settle, unit))
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield from future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Let another run use the journal."""
        self._journal.close()

    def _settle(self, unit: Sequence[Question]) -> list[Row]:
        try:
            entries = self._journal.find(question.key for question in unit)
        except AgentError as error:
            return [self._new_row(question, None, 0, **_failure(error)) for question in unit]
        return [self._row(question, entries.get(question.key)) for question in unit]

    def _row(self, question: Question, entry: JournalEntry | None) -> Row:
        if entry is not None and not self._is_open(entry):
            row = entry.row or self._new_row(question, entry, entry.asked, status="in_flight")
            if entry.row is None:
                self._keep(row)
            return row
        asked = 1 if entry is None else entry.asked + 1
        try:
            if not self._journal.ask(question.key, asked):
                return self._of_another(question)
        except AgentError as error:
            return self._new_row(question, entry, asked - 1, **_failure(error))
        row = self._new_row(question, entry, asked, **self._outcome(question))
        self._keep(row)
        return row

    def _of_another(self, question: Question) -> Row:
        """What is known of a question that another run has just taken."""
        entry = self._journal.find([question.key])[question.key]
        return entry.row or self._new_row(question, None, entry.asked, status="in_flight")

    def _keep(self, row: Row) -> None:
        try:
            self._journal.settle(row)
        except AgentError as error:  # the row is given all the same
            logger.warning("The row of question %r could not be kept: %s", row["key"], error)

    def _is_open(self, entry: JournalEntry) -> bool:
        """Whether a question that was asked before is to be asked again."""
        if entry.row is None or entry.row["status"] == "in_flight":
            return self._repeat_in_flight
        return entry.row["status"] == "failed" and (
            self._repeat_failed or entry.row["safe_to_repeat"]
        )

    def _outcome(self, question: Question) -> Row:
        begun = time.monotonic()
        context = copy_context()
        if question.session_id is not None:  # it goes before the one around the run
            context.run(leave_session)
        try:
            answer = context.run(self._ask, question.input, question.session_id)
            found = {"status": "answered", **answer}
        except Exception as error:  # whatever a chain raises is this question's row, not the end
            found = _failure(error)
        return {**found, "seconds": round(time.monotonic() - begun, 4)}

    def _new_row(
        self, question: Question, entry: JournalEntry | None, asked: int, **found: object
    ) -> Row:
        lost = entry is not None and (entry.row is None or entry.row["was_in_flight"])
        own = {
            "key": question.key,
            "input": jsonable(question.input),
            "asked": asked,
            "was_in_flight": lost,
        }
        return {**_EMPTY, **own, **{k: v for k, v in found.items() if v is not None}}


def _read_concurrency(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigurationError(f"concurrency is a whole number from 1 on, not {value!r}.")
    return int(value)


_EMPTY: Row = {
    "key": "",
    "input": None,
    "status": "",
    "asked": 0,
    "was_in_flight": False,
    "answer": "",
    "citations": [],
    "conversation_id": "",
    "finish_reason": "",
    "input_tokens": 0,
    "output_tokens": 0,
    "seconds": 0.0,
    "error": "",
    "error_type": "",
    "safe_to_repeat": False,
}
COLUMNS = tuple(name for name in _EMPTY if name not in ("key", "input"))
# Refused at the door: the agent did not act, so asking again repeats nothing.
_REFUSED = (
    AuthenticationError,
    ConfigurationError,
    PermissionDeniedError,
    QuotaExceededError,
    UnsupportedContentError,
)


def _failure(error: Exception) -> Row:
    refused = isinstance(error, _REFUSED) and not error.begun
    safe = refused or bool(getattr(error, "safe_to_repeat", False))
    return {
        "status": "failed",
        "answer": getattr(error, "partial", ""),
        "error": str(error),
        "error_type": type(error).__name__,
        "safe_to_repeat": safe,
    }


def _values(column: Any) -> list[Any]:
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _flat(row: Row) -> Row:
    # An engine of columns wants one type a column, and citations have many.
    return {**row, "citations": json.dumps(row["citations"], ensure_ascii=False)}
