"""Real proxies, HTTP(S) and SOCKS5, that lead every host to one server of the tests."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

# The environment of a machine behind proxies that lead nowhere.
DEAD = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
    **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
    **dict.fromkeys(("ALL_PROXY", "all_proxy"), "socks5://127.0.0.1:9"),
}


class Proxy:
    """Takes connections on a port of its own, and passes them on to `target`.

    `seen` is what clients said to the proxy itself: request lines, or the hosts of SOCKS requests;
    `heard` are all bytes that it could read, those in a tunnel included.
    """

    def __init__(
        self,
        scheme: str,
        target: str,
        *,
        user: str | None = None,
        context: ssl.SSLContext | None = None,
        silent: bool = False,
    ) -> None:
        self.target = urlsplit(target).port
        self.user = user
        self.silent = silent
        self.seen: list[str] = []
        self.heard = b""
        self._context = context
        self._talk = self._socks if scheme.startswith("socks") else self._http
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        credentials = f"{user}@" if user else ""
        self.url = f"{scheme}://{credentials}127.0.0.1:{self._socket.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        for sock in (self._socket, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._accepting.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            self._talk(sock)
        sock.close()

    # --- HTTP ------------------------------------------------------------------------------

    def _http(self, sock: socket.socket) -> None:
        head = self._until(sock, b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        self.seen.append(line)
        if self.silent:
            sock.recv(1)
            return
        if self.user and base64.b64encode(self.user.encode()) not in head:
            sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif line.startswith("CONNECT "):
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._tunnel(sock)
        else:
            self._tunnel(sock, head)

    def _until(self, sock: socket.socket, end: bytes) -> bytes:
        data = b""
        while end not in data:
            if not (chunk := sock.recv(1)):
                raise ConnectionError
            data += chunk
        self.heard += data
        return data

    # --- SOCKS5 ----------------------------------------------------------------------------

    def _socks(self, sock: socket.socket) -> None:
        version, methods = self._exactly(sock, 2)
        offered = self._exactly(sock, methods)
        if version != 5:
            raise ConnectionError
        if self.silent:
            sock.recv(1)
            return
        method = 2 if self.user else 0
        sock.sendall(bytes([5, method if method in offered else 255]))
        if self.user:
            _, size = self._exactly(sock, 2)
            user = self._exactly(sock, size)
            password = self._exactly(sock, self._exactly(sock, 1)[0])
            fine = user + b":" + password == self.user.encode()
            sock.sendall(bytes([1, 0 if fine else 1]))
        kind = self._exactly(sock, 4)[3]
        size = self._exactly(sock, 1)[0] if kind == 3 else {1: 4, 4: 16}[kind]
        self.seen.append(self._exactly(sock, size).decode())
        self._exactly(sock, 2)
        sock.sendall(b"\x05\x00\x00\x01" + bytes(6))
        self._tunnel(sock)

    def _exactly(self, sock: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (chunk := sock.recv(size - len(data))):
                raise ConnectionError
            data += chunk
        self.heard += data
        return data

    # --- both ------------------------------------------------------------------------------

    def _tunnel(self, sock: socket.socket, first: bytes = b"") -> None:
        with socket.create_connection(("127.0.0.1", self.target)) as up:
            up.sendall(first)
            back = threading.Thread(target=_pump, args=(up, sock), daemon=True)
            back.start()
            with suppress(OSError):
                while chunk := sock.recv(65536):
                    self.heard += chunk
                    up.sendall(chunk)
                up.shutdown(socket.SHUT_WR)
            back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(
    scheme: str,
    target: str,
    *,
    user: str | None = None,
    context: ssl.SSLContext | None = None,
    silent: bool = False,
) -> Iterator[Proxy]:
    proxy = Proxy(scheme, target, user=user, context=context, silent=silent)
    try:
        yield proxy
    finally:
        proxy.close()
