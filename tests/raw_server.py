"""A TCP server that answers each request with scripted bytes: what no decent server would send."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

Step = bytes | float | Callable[["Talk"], None]
JSON = "application/json"
EVENTS = "text/event-stream"


class Talk:
    """One connection, as the steps of a script see it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def reset(self, pause: float = 0.02) -> None:
        """Break the connection off with a TCP reset."""
        time.sleep(pause)  # what was sent must reach the client before the reset overtakes it
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionError

    def hold(self) -> None:
        """Say nothing until the client leaves."""
        self.sock.settimeout(20)
        while self.sock.recv(65536):
            pass
        raise ConnectionError

    def flood(self, chunk: bytes, pause: float = 0.0) -> None:
        """Send the same bytes until the client leaves."""
        while True:
            self.sock.sendall(chunk)
            time.sleep(pause)

    def close(self) -> None:
        """End the connection, whatever was announced."""
        raise ConnectionError


RESET, HOLD, CLOSE = Talk.reset, Talk.hold, Talk.close


def flood(chunk: bytes, pause: float = 0.0) -> Step:
    return lambda talk: talk.flood(chunk, pause)


def head(
    kind: str = EVENTS, status: str = "200 OK", *more: str, length: int | None = None
) -> bytes:
    """Response headers; without a length the connection ends with the body, and it is said."""
    said = any(each.lower().startswith("content-length") for each in more)
    ends = [] if said else ["Connection: close"]
    size = ends if length is None else [f"Content-Length: {length}"]
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *size, *more, "", ""]
    return "\r\n".join(lines).encode()


class RawServer:
    """Answers the n-th request with the n-th script; the last one serves all further requests.

    `requests` are the bytes of each request, `left` the moments at which a client hung up.
    """

    def __init__(self, *scripts: Sequence[Step], context: ssl.SSLContext | None = None) -> None:
        self.scripts = [list(script) for script in scripts]
        self.requests: list[bytes] = []
        self.left: list[float] = []
        self.connections = 0
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._socket.getsockname()[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def stop_listening(self) -> None:
        """Take no further connections; those that there are go on."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def close(self) -> None:
        self.stop_listening()
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._accepting.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        self._open.add(sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                raw, sock = sock, self._context.wrap_socket(sock, server_side=True)
                self._open.discard(raw)
                self._open.add(sock)
            while self._one(sock):
                pass
        except OSError:
            self.left.append(time.monotonic())
        finally:
            self._open.discard(sock)
            sock.close()

    def _one(self, sock: socket.socket) -> bool:
        request = _read_request(sock)
        if not request:
            return False
        with self._lock:
            self.requests.append(request)
            script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
        for step in script:
            if isinstance(step, bytes):
                sock.sendall(step)
            elif isinstance(step, (int, float)):
                time.sleep(step)
            else:
                step(Talk(sock))
        return any(b"ontent-Length" in step for step in script if isinstance(step, bytes))


def _read_request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return b""
        data += chunk
    top, _, body = data.partition(b"\r\n\r\n")
    size = next(
        (
            int(line[15:])
            for line in top.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < size:
        body += sock.recv(65536)
    return top + b"\r\n\r\n" + body


@contextmanager
def serving(*scripts: Sequence[Step], context: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    server = RawServer(*scripts, context=context)
    try:
        yield server
    finally:
        server.close()


def sockets_of(port: int) -> int:
    """How many connections this process has to a port, those of the server left out."""
    return len(states_of(port))


def states_of(port: int) -> list[str]:
    """The states of those connections."""
    connections = psutil.Process().net_connections("tcp")
    return [c.status for c in connections if c.raddr and c.raddr.port == port]
