"""MaiAgent's records: what people asked a chatbot, as a list, an Excel file or a data frame."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Emit, Flow
from remote_agents.resources.cursors import with_query
from remote_agents.resources.dates import Day, date_range
from remote_agents.resources.emitted import collect_items, for_each_item
from remote_agents.resources.items import Record
from remote_agents.resources.methods import Resource, calls, lists
from remote_agents.resources.paging import Paging, pages
from remote_agents.resources.passages import Passage, of_record
from remote_agents.resources.requests import path_segment
from remote_agents.services.maiagent import excel

if TYPE_CHECKING:
    from pandas import DataFrame

NUMBERED = Paging("pageSize", (("page", "number"),))


class Records(Resource):
    """What people asked a chatbot and what it answered."""

    def _path(self, chatbot_id: str | None) -> str:
        return f"/api/chatbots/{path_segment(chatbot_id or self.agent.agent_id)}/records/"

    def _list(
        self,
        *,
        start: Day | None = None,
        end: Day | None = None,
        user_message: str | None = None,
        bot_message: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        chatbot_id: str | None = None,
    ) -> Flow[Record]:
        """The records of some days, lazily.

        Args:
            start: First day, a date or `YYYY-MM-DD`; required.
            end: Last day; required.
            user_message: Only those whose question contains this.
            bot_message: Only those whose answer contains this.
            page: Number of the page to start with.
            page_size: Records on a page.
            cursor: Go on from the `.cursor` of an earlier list.
            chatbot_id: Another chatbot than the client's own.

        Raises:
            ConfigurationError: A day is missing, none, or after the other.
        """
        first, last = date_range(start, end)
        return pages(
            self.agent,
            self._path(chatbot_id),
            NUMBERED,
            Record,
            page_size=page_size,
            cursor=cursor,
            page=page,
            startDate=first,
            endDate=last,
            userMessage=user_message,
            botMessage=bot_message,
        )

    def _export_excel(
        self,
        path: str | os.PathLike[str],
        *,
        start: Day | None = None,
        end: Day | None = None,
        user_message: str | None = None,
        bot_message: str | None = None,
        progress: bool = False,
        chatbot_id: str | None = None,
    ) -> Flow[int]:
        """Save the records of some days as an Excel file.

        The file is written beside `path` under another name and moved when it is whole, so `path`
        is never half a file. It is never held in memory.

        Args:
            path: Where to; an existing file is replaced.
            start: First day, a date or `YYYY-MM-DD`; required.
            end: Last day; required.
            user_message: Only records whose question contains this.
            bot_message: Only records whose answer contains this.
            progress: Show a bar (needs `tqdm`, extra `cli`).
            chatbot_id: Another chatbot than the client's own.

        Returns:
            The size of the file in bytes.

        Raises:
            ConfigurationError: The days, the path or `progress` cannot be.
            StreamInterruptedError: The connection broke; the message says how far it came.
            StreamProtocolError: What came is no Excel file.
        """
        first, last = date_range(start, end)
        query = {
            "startDate": first,
            "endDate": last,
            "userMessage": user_message,
            "botMessage": bot_message,
        }
        url = with_query(f"{self._path(chatbot_id)}export-excel/", query)
        return excel.save(self.agent, url, path, progress)

    def _to_dataframe(
        self,
        *,
        start: Day | None = None,
        end: Day | None = None,
        user_message: str | None = None,
        bot_message: str | None = None,
        chatbot_id: str | None = None,
    ) -> Flow[DataFrame]:
        """The records of some days as a pandas data frame; arguments as for `list`.

        Whoever writes it to a spreadsheet runs nothing: a text that reads as a formula, such as
        "-5 days", begins with an apostrophe. A control character is U+FFFD, as Excel has none,
        and times are of UTC, without saying so.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        frame = _pandas()
        found = self._list(
            start=start,
            end=end,
            user_message=user_message,
            bot_message=bot_message,
            page_size=500,
            chatbot_id=chatbot_id,
        )
        return _framed(frame, found)

    def _passages(
        self, start: Day | None, end: Day | None, user_message: str | None, bot_message: str | None
    ) -> Flow[Passage]:
        """What the frameworks' loaders and readers make documents of."""
        found = self._list(
            start=start, end=end, user_message=user_message, bot_message=bot_message, page_size=100
        )
        return for_each_item(found, self._emit)

    def _emit(self, record: Record) -> Flow[None]:
        yield Emit([of_record(self, record)])

    list, alist = lists(_list)
    export_excel, aexport_excel = calls(_export_excel)
    to_dataframe, ato_dataframe = calls(_to_dataframe)


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ConfigurationError("to_dataframe needs pandas: pip install pandas") from error
    return pd


def _as_text(value: object) -> Any:
    """What a sheet can hold of it; what reads as a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    return f"'{text}" if _FORMULA.match(text) else text


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # in no sheet of Excel
_FORMULA = re.compile(r"[=@\uff1d\uff20\t\r\n]|[+\uff0b\uff0d-]\S")


def _framed(pd: Any, found: Flow[Record]) -> Flow[DataFrame]:
    records = yield from collect_items(found)
    rows = [{_as_text(k): _as_text(v) for k, v in record.to_dict().items()} for record in records]
    frame: DataFrame = pd.DataFrame(rows, columns=None if rows else [*Record.fields()])
    if "created_at" in frame:
        times = pd.to_datetime(frame["created_at"], utc=True, format="ISO8601")
        frame["created_at"] = times.dt.tz_localize(None)
    return frame
