"""The sandbox as a Python object: a server in a process of its own, and its remote control."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from remote_agents.extras import require
from remote_agents.sandbox import services as services  # so that all agents are entered
from remote_agents.sandbox.directory import BROKEN, agent_of, environment, manifest
from remote_agents.sandbox.json_types import Arguments
from remote_agents.sandbox.options import check
from remote_agents.sandbox.picture import Turns

ROOT = Path(__file__).parent.parent.parent
Row = dict[str, Any]


class Sandbox:
    """A server on loopback that speaks the services' protocols.

    Args:
        port: where to listen; 0 takes a free port.
        documents: folder of Markdown and text files to answer from; a handbook by default.
        state: SQLite file that keeps the conversations; a temporary one by default.
        word_delay: seconds between two words of a stream.
        rate_limit: BlueNexus's limit for an account, or None.
        upstream: address of an OpenAI-compatible server that answers instead.
        upstream_model: its model; the first that it lists by default.
        answer_from_context: whether sentences in the prompt may be the answer.
        tls: serve HTTPS with a certificate of a private authority; `kwargs()` has `verify`.
        token_seconds: keys are tokens that expire after so long; `kwargs()` has a key function.

    Raises:
        ValueError: An argument is none of these; it says which, and what it may be.

    Example:
        >>> with Sandbox() as box:  # doctest: +SKIP
        ...     box.fail_next(status=503, retry_after=1, endpoint="bluenexus")
        ...     agent = BlueNexus(**box.kwargs("bluenexus"))
        ...     agent.ask("How many vacation days do I get?")
        ...     box.requests("bluenexus")[0]["status"]
        503
    """

    def __init__(
        self,
        port: int = 0,
        documents: str | os.PathLike[str] | None = None,
        state: str | os.PathLike[str] | None = None,
        *,
        word_delay: float = 0.0,
        rate_limit: str | None = "30/minute",
        upstream: str | None = None,
        upstream_model: str | None = None,
        answer_from_context: bool = True,
        tls: bool = False,
        token_seconds: float | None = None,
    ) -> None:
        self.port, self.url = port, ""
        self._process: subprocess.Popen[str] | None = None
        self._arguments = [f"--word-delay={word_delay}", f"--rate-limit={rate_limit or 'none'}"]
        named = {"documents": documents, "state": state, "upstream": upstream}
        for name, value in {**named, "upstream-model": upstream_model}.items():
            if value is not None:
                self._arguments.append(f"--{name}={os.fspath(value)}")
        if not answer_from_context:
            self._arguments.append("--ignore-context")
        if tls:
            require("Sandbox(tls=True)", "sandbox", "cryptography")
            self._arguments.append("--tls")
        self.authority: str | None = None
        self._token_seconds = token_seconds
        if token_seconds is not None:
            self._arguments.append(f"--token-seconds={token_seconds}")
        check([f"--port={port}", *self._arguments])

    def __repr__(self) -> str:
        return f"Sandbox({self.url or 'stopped'})"

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Sandbox:
        """Start the server and wait until it answers; RuntimeError says why it did not."""
        if self._process is not None:
            return self
        command = [sys.executable, "-m", __package__, f"--port={self.port}", "--until-eof"]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [*command, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # An interrupt of a notebook or a terminal is meant for us alone.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
            env={**os.environ, "PYTHONPATH": path},
        )
        self._await_ready(self._process)
        return self

    def _await_ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        line = process.stdout.readline()
        ended = {"error": "Its process ended; see its error output."}
        said: Arguments = json.loads(line) if line else ended
        if "error" in said:
            self.stop()
            raise RuntimeError(f"The sandbox did not start. {said['error']}")
        self.url, self.authority = said["url"], said["authority"]
        BROKEN.update(said["broken"])  # what only its process loads

    def stop(self) -> None:
        """Stop the server; streams still open are cut."""
        process, self._process, self.url = self._process, None, ""
        if process is None:
            return
        if sys.platform != "win32":  # there it would end at once, and leave its files behind
            # Its standard input may live on in a forked child of ours, so ask by signal too.
            process.terminate()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def agents(self) -> dict[str, Row]:
        """The manifest's entries by endpoint: base_url, agent_id, api_key, env.

        Raises:
            RuntimeError: It is not running.
        """
        agents: dict[str, Row] = manifest(self._address, self._key_of)["agents"]
        return agents

    def env(self) -> dict[str, str]:
        """The environment variables of all agents, and of the authority that clients trust.

        Raises:
            RuntimeError: It is not running.
        """
        trust = {"SSL_CERT_FILE": self.authority} if self.authority else {}
        return {**environment(self._address, self._key_of), **trust}

    def token(self, endpoint: str) -> tuple[str, float]:
        """A fresh key of an agent and the seconds that it is good for, as `cached_key` wants it.

        Raises:
            ValueError: There is no such endpoint, or its keys do not expire.
        """
        issued = self._call("POST", f"tokens/{endpoint}")
        if issued["expires_in"] is None:
            raise ValueError("The keys do not expire: start with Sandbox(token_seconds=...).")
        return str(issued["token"]), float(issued["expires_in"])

    def _key_of(self, endpoint: str) -> str:
        return self.token(endpoint)[0] if self._token_seconds else agent_of(endpoint).api_key

    def kwargs(self, endpoint: str) -> Arguments:
        """Arguments for the constructor of a client or model of this endpoint.

        Raises:
            RuntimeError: It is not running.
            ValueError: There is no such endpoint.
        """
        agent = agent_of(endpoint)
        key = partial(self._key_of, endpoint) if self._token_seconds else agent.api_key
        address = f"{self._address}{agent.home}"
        given = {"base_url": address, "agent_id": agent.agent_id, "api_key": key}
        return {**given, "verify": self.authority} if self.authority else given

    def reset(self) -> None:
        """Clear faults, the request log and the rate limit's count; conversations stay."""
        self._call("POST", "reset")

    def configure(self, **settings: object) -> None:
        """Change settings while the server runs.

        They are word_delay, rate_limit, and those of one service each, which its folder names:
        credits (BlueNexus), refuse_system and private_ai_route (Private AI: the only route of its
        turns), cloudbase_lists (the shape of its lists: hosted, template or express), maiagent_root
        (the only root of its paths: /api or /api/v1), export_padding (bytes by which MaiAgent's
        Excel file is larger than its records), ag_ui_slash (AG-UI: addresses end with a slash).

        Raises:
            ValueError: There is no such setting, or it cannot have this value.
        """
        self._call("POST", "configure", settings)

    def requests(self, endpoint: str | None = None) -> list[Row]:
        """The requests the server saw, oldest first.

        Each has endpoint, method, path, headers (the authorization cut to its scheme), right_key,
        body (JSON or None), time, status, outcome (open, completed, disconnected), and ended.
        """
        return list(self._call("GET", "requests", query=endpoint))

    def turns(self, endpoint: str | None = None) -> Turns:
        """The accepted chat turns: endpoint, conversation_id, messages, stream.

        In a notebook the list is a picture of what was sent in each.
        """
        return Turns(self._call("GET", "turns", query=endpoint))

    def conversation(self, endpoint: str, conversation_id: str) -> list[Row]:
        """The messages that the server holds: id, role, content, created, reply_to, citations."""
        return list(self._call("GET", f"conversations/{endpoint}/{quote(conversation_id)}"))

    def forget_conversation(self, endpoint: str, conversation_id: str) -> None:
        """Lose a conversation, so that its next use is refused as the vendor does it."""
        self._call("DELETE", f"conversations/{endpoint}/{quote(conversation_id)}")

    def expire_conversations(self) -> None:
        """Lose all conversations."""
        self._call("POST", "expire")

    def seed_records(
        self,
        count: int,
        endpoint: str = "maiagent",
        *,
        start: str = "2024-01-01",
        per_conversation: int = 10,
    ) -> Row:
        """Add past questions and answers, one a minute, so many of them to a conversation.

        Returns:
            count, and the first and last day: start, end.
        """
        given = {"count": count, "endpoint": endpoint, "start": start}
        seeded: Row = self._call("POST", "records", {**given, "per_conversation": per_conversation})
        return seeded

    def seed_questions(
        self, asked: Iterable[tuple[datetime | str, str]], endpoint: str = "maiagent"
    ) -> Row:
        """Answer questions of the past, each in a conversation of its own.

        Args:
            asked: times (ISO form or datetime; UTC where they name no zone) and questions.
            endpoint: whose agent.

        Returns:
            count, and the first and last day: start, end.
        """
        pairs = [[str(moment), question] for moment, question in asked]
        seeded: Row = self._call("POST", "questions", {"asked": pairs, "endpoint": endpoint})
        return seeded

    def fault(self, kind: str, **options: object) -> None:
        """Order a fault for the next chat requests.

        Args:
            kind: the name of one of the methods below.
            options: its arguments; and for every kind `endpoint` (whose agent; all by
                default), `times` (1), and `match`: a part of the path, to hit other requests
                than chat.
        """
        given = {name: value for name, value in options.items() if value is not None}
        self._call("POST", "faults", {"kind": kind, **given})

    def fail_next(
        self,
        status: int = 500,
        body: object = None,
        retry_after: float | str | None = None,
        **to: object,
    ) -> None:
        """Answer with an error, in the vendor's shape unless a body is given."""
        self.fault("fail_next", status=status, body=body, retry_after=retry_after, **to)

    def drop_after(self, events: int = 1, **to: object) -> None:
        """Reset the connection after some frames, or in the middle of a plain body."""
        self.fault("drop_after", events=events, **to)

    def truncate_after(self, events: int = 1, **to: object) -> None:
        """End the stream cleanly but too early; a plain body ends before its announced length."""
        self.fault("truncate_after", events=events, **to)

    def stall_after(self, events: int = 1, keepalive: bool = True, **to: object) -> None:
        """Fall silent after some frames, but for keep-alive comments, until the client leaves."""
        self.fault("stall_after", events=events, keepalive=keepalive, **to)

    def garbage(self, **to: object) -> None:
        """Put frames that are not JSON between the others; a plain body is garbage altogether."""
        self.fault("garbage", **to)

    def slow_first_byte(self, seconds: float = 1.0, **to: object) -> None:
        """Wait before the response begins."""
        self.fault("slow_first_byte", seconds=seconds, **to)

    def error_event(self, after: int = 1, **to: object) -> None:
        """Report a failure inside the stream, in the vendor's shape."""
        self.fault("error_event", after=after, **to)

    def wrong_content_type(self, **to: object) -> None:
        """Answer 200 with an HTML page, as a captive portal does."""
        self.fault("wrong_content_type", **to)

    def reset_before_response(self, **to: object) -> None:
        """Read the request, then reset the connection."""
        self.fault("reset_before_response", **to)

    def duplicate_frames(self, **to: object) -> None:
        """Send every frame twice."""
        self.fault("duplicate_frames", **to)

    def endless_line(self, **to: object) -> None:
        """Send one frame, or one body, that never ends."""
        self.fault("endless_line", **to)

    def endless_keepalives(self, **to: object) -> None:
        """Send nothing but keep-alive comments."""
        self.fault("endless_keepalives", **to)

    def gzip_bomb(self, **to: object) -> None:
        """Send half a megabyte that unpacks to half a gigabyte."""
        self.fault("gzip_bomb", **to)

    def huge_headers(self, **to: object) -> None:
        """Answer with ten megabytes of headers."""
        self.fault("huge_headers", **to)

    def error_in_200(self, **to: object) -> None:
        """Answer 200 with the vendor's error body."""
        self.fault("error_in_200", **to)

    @property
    def _address(self) -> str:
        """Where it is; a client of none would ask the real service."""
        if not self.url:
            raise RuntimeError("The sandbox is not running: use `with Sandbox() as box:`.")
        return self.url

    def _connection(self) -> http.client.HTTPConnection:
        host = urlsplit(self._address).netloc
        if self.authority is None:
            return http.client.HTTPConnection(host, timeout=30)
        trust = ssl.create_default_context(cafile=self.authority)
        return http.client.HTTPSConnection(host, timeout=30, context=trust)

    def _call(
        self, method: str, path: str, body: object = None, *, query: str | None = None
    ) -> Any:
        target = f"/_sandbox/{path}" + (f"?{urlencode({'endpoint': query})}" if query else "")
        connection = self._connection()
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, target, payload, {"content-type": "application/json"})
            reply = connection.getresponse()
            content = json.loads(reply.read())
        finally:
            connection.close()
        if reply.status >= 400:
            raise ValueError(content["error"])
        return content
