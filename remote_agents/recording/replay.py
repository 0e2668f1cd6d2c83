"""A local server that answers as a transcript says, and only what it was asked there."""

from __future__ import annotations

import copy
import json
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path
from typing import cast

from typing_extensions import Self

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import Arguments, JsonObject
from remote_agents.recording.anonymizing import DROPPED
from remote_agents.recording.matching import Matcher
from remote_agents.recording.transcript import Interaction, Transcript, origin_of
from remote_agents.services import ENDPOINTS

logger = logging.getLogger(__name__)

NOT_RECORDED = 501
KEY = "replayed"


class Replay:
    """Answers on loopback as it was recorded, as long as it is entered.

    A request must be the recorded one: its path, its fields, its numbers, the shape of its texts,
    and the ids that were answered before. Ids that the caller makes, and the names of his tools,
    may be others, and are answered as such. What is asked otherwise gets a 501 that says in what.

    Args:
        transcript: A transcript, or the file that it is in.
        port: Where to listen; 0 takes a free one.

    Raises:
        ConfigurationError: The file is no transcript, or the port is taken.

    Example:
        >>> from remote_agents import MaiAgent, Replay
        >>> with Replay("session.txt") as replay:  # doctest: +SKIP
        ...     MaiAgent(**replay.kwargs()).ask("How many vacation days do I get?")
    """

    def __init__(self, transcript: Transcript | str | PathLike[str], *, port: int = 0) -> None:
        self.transcript = (
            transcript if isinstance(transcript, Transcript) else _read(Path(transcript))
        )
        self.refused: list[str] = []
        """What was asked otherwise than it was recorded: in what, for each such request."""
        self._matcher = Matcher()
        self._left = list(self.transcript.interactions)
        self._lock = threading.Lock()
        self._port = port

    def __enter__(self) -> Self:
        try:
            self._server = _Server(("127.0.0.1", self._port), _Handler)
        except OSError as error:
            raise ConfigurationError(f"Port {self._port} cannot be used: {error}.") from error
        self._server.replay = self
        # A short look for the end: nobody waits for it half a second.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.daemon = True
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def left(self) -> int:
        """How many of the recorded requests were not asked yet."""
        return len(self._left)

    def kwargs(self) -> Arguments:
        """The arguments of a client or model of the service that was recorded."""
        facts = self.transcript.facts
        known: JsonObject = {
            "base_url": self.url + facts.get("root", "").rstrip("/"),
            "api_key": KEY,
        }
        endpoint = ENDPOINTS.get(facts.get("service", ""))
        if "agent" in facts and not (endpoint and endpoint.agent_in_address):
            known["agent_id"] = facts["agent"]
        return known

    def env(self) -> dict[str, str]:
        """The same as variables of the environment."""
        service = self.transcript.facts.get("service", "")
        if service not in ENDPOINTS:
            raise ConfigurationError(
                f"The recording is of {service or 'a service that it does not name'}, which is "
                f"not installed; known are {', '.join(ENDPOINTS)}."
            )
        prefix = ENDPOINTS[service].env
        return {f"{prefix}_{name.upper()}": value for name, value in self.kwargs().items()}

    def answer(self, asked: Interaction) -> Interaction:
        """What was answered to a request; a refusal, where another one was recorded."""
        with self._lock:
            said: list[str] = []
            for recorded in self._left:
                matcher = copy.deepcopy(self._matcher)
                differences = list(matcher.differences(recorded, asked))
                if not differences:
                    return self._take_answer(recorded, matcher)
                said = said or differences
            reason = "; ".join(said[:3]) or "all that was recorded has been asked"
            logger.warning("This is not what was recorded: %s", reason)
            self.refused.append(f"{asked.method} {asked.target}: {reason}")
            return self._refusal(reason)

    def _take_answer(self, recorded: Interaction, matcher: Matcher) -> Interaction:
        self._left.remove(recorded)
        whole = self._led_here(matcher.rewritten(b"".join(recorded.pieces)))
        headers = [
            (name, matcher.rewritten(value.encode("latin-1")).decode("latin-1"))
            for name, value in recorded.answer_headers
        ]
        told = b"\n".join([whole, *(value.encode() for _, value in headers)])
        matcher.answered += f"\n{told.decode('utf-8', 'replace')}"
        self._matcher = matcher
        pieces, at = [], 0
        for piece in recorded.pieces:
            pieces.append(whole[at : at + len(piece)])
            at += len(piece)
        pieces += filter(None, [whole[at:]])
        return Interaction(
            status=recorded.status, answer_headers=headers, pieces=pieces, end=recorded.end
        )

    def _led_here(self, answer: bytes) -> bytes:
        """An answer whose addresses of other hosts, where the client went on to them, are ours."""
        for host in filter(None, {origin_of(each.target) for each in self.transcript.interactions}):
            answer = answer.replace(host.encode(), self.url.encode())
        return answer

    def _refusal(self, reason: str) -> Interaction:
        number = len(self.transcript.interactions) - len(self._left) + 1
        text = (
            f"This is not what was recorded (request {number} of "
            f"{len(self.transcript.interactions)}): {reason}."
        )
        body = json.dumps({"message": text, "error": {"message": text}}).encode()
        json_type = [("Content-Type", "application/json")]
        return Interaction(
            status=NOT_RECORDED, answer_headers=json_type, pieces=[body], end="whole"
        )


def _read(file: Path) -> Transcript:
    try:
        transcript = Transcript.read(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be replayed: {error}.") from error
    if not transcript.interactions:
        raise ConfigurationError(f"{file} cannot be replayed: nothing is recorded in it.")
    return transcript


# --- the server ----------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    replay: Replay

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is none."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """Any method is answered in the same way."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        replay = cast(_Server, self.server).replay
        asked = Interaction(self.command, self.path, list(self.headers.items()), self._body())
        self._send(replay.answer(asked))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, answer: Interaction) -> None:
        if answer.status:
            bare = answer.status in (204, 304) or answer.status < 200
            self.send_response_only(answer.status)
            for name, value in answer.answer_headers:
                if name.lower() not in DROPPED:
                    self.send_header(name, value)
            if not bare:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in answer.pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
            if answer.end == "whole" and not bare:
                self.wfile.write(b"0\r\n\r\n")
        if answer.end != "whole":  # as it broke off then
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing: what is asked is nobody's business."""
