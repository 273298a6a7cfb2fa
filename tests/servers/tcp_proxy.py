"""A TCP proxy that can pass, refuse, hang or cut: how a server looks when it is away."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

HOST = "127.0.0.1"
Mode = Literal["pass", "refuse", "hang", "cut"]
Target = tuple[str, int] | Path  # a TCP address, or a unix socket


class TcpProxy:
    """Listens on `port` of loopback and connects through to `target`.

    `mode` may be changed at any time, for new connections and for the open ones:
    pass    bytes go through;
    refuse  nobody listens: the connection is refused, the open ones are reset;
    hang    connections are accepted and bytes swallowed, nothing ever comes back;
    cut     connections are accepted and closed at once, the open ones are reset.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._mode: Mode = "pass"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.connections = 0  # accepted so far
        self._listener = _listen(0)
        self.port = int(self._listener.getsockname()[1])
        self._accept_on(self._listener)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        before, self._mode = self._mode, mode
        if mode == "refuse":
            _close(self._listener)
        elif before == "refuse":
            self._listener = _listen(self.port)
            self._accept_on(self._listener)
        if mode in {"refuse", "cut"} or before == "hang":
            self.drop()  # what hung has lost bytes: it can't go on

    def drop(self) -> None:
        """Reset every open connection; new ones follow the mode."""
        with self._lock:
            doomed, self._open = self._open, set()
        for each in doomed:
            _reset(each)

    def close(self) -> None:
        self._mode = "refuse"
        _close(self._listener)
        self.drop()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _accept_on(self, listener: socket.socket) -> None:
        self._run(self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            if not self._connect(client):
                _reset(client)

    def _connect(self, client: socket.socket) -> bool:
        """Join the client to the target; in `hang` to nothing. False: close it at once."""
        if self._mode == "hang":
            self._remember(client)
            return True
        if self._mode != "pass":
            return False
        try:
            server = _dial(self._target)
        except OSError:
            return False
        self._remember(client, server)
        self._run(self._pump, client, server)
        self._run(self._pump, server, client)
        return True

    def _remember(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open.update(sockets)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._mode == "pass":
                    sink.sendall(data)
        self._end(source, sink)

    def _end(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(sockets)
        for each in sockets:
            _close(each)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(128)
    return listener


def _dial(target: Target) -> socket.socket:
    if isinstance(target, Path):
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(target))
        except OSError:
            server.close()
            raise
        return server
    return socket.create_connection(target, timeout=None)


def _reset(each: socket.socket) -> None:
    """Close with RST, as a server that died would; wakes a thread that reads from it."""
    with contextlib.suppress(OSError):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _close(each)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
