"""Whether a server can listen on HOST and PORT, found out before anything else is started."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from packshot.errors import SettingsError

#: Ports that browsers refuse to open: https://fetch.spec.whatwg.org/#bad-port, read 2026-11-29.
UNSAFE_PORTS: Final = frozenset(
    (
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87),
        *(95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143),
        *(161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556),
        *(563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190),
        *(5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    )
)
#: With one of these set the server is given its socket: by systemd, gunicorn's upgrade, or the
#: reloader.
GIVEN_SOCKET: Final = ("LISTEN_FDS", "GUNICORN_FD", "WERKZEUG_SERVER_FD")


def check_port(host: str, port: int) -> None:
    """Raise SettingsError where no server could listen; a port in TIME_WAIT is free."""
    if any(os.environ.get(name) for name in GIVEN_SOCKET):
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(_why_not(host, port, error)) from None


def _why_not(host: str, port: int, error: OSError) -> str:
    another = f"choose another port, as in PORT={port + 1 if port < 65_535 else 5055}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is in use, perhaps by a Packshot that runs already: open"
            f" http://localhost:{port}/ to see, stop that program, or {another}"
        )
    if error.errno == errno.EACCES:
        return f"this user may not open port {port}: choose one above 1023, as in PORT=5055"
    return f"HOST={host} is no address of this machine ({error.strerror}): use 127.0.0.1 or 0.0.0.0"


def browser_warning(port: int) -> str | None:
    """What to say of a port that no browser opens."""
    if port not in UNSAFE_PORTS or port == 0:
        return None
    return f"browsers refuse port {port} as unsafe: choose another, as in PORT=5055"
