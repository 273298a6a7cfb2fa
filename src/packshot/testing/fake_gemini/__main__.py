"""`python -m packshot.testing.fake_gemini --port 8080 --latency 0.2 --fault cut_body=0.1`."""

from __future__ import annotations

import argparse
import signal
import threading

from packshot.testing.fake_gemini import FAULTS, FakeGemini
from packshot.testing.fake_gemini.faults import read_chance


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; the first line printed is the address."""
    options = _arguments()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    chances = dict(options.fault)
    with FakeGemini(port=options.port, latency=options.latency, chances=chances) as fake:
        print(fake.url, flush=True)
        stop.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="packshot.testing.fake_gemini", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds per answer, about")
    parser.add_argument(
        "--fault",
        type=_chance,
        action="append",
        default=[],
        metavar="NAME=CHANCE",
        help="misbehave by chance: " + ", ".join(sorted(FAULTS)),
    )
    return parser.parse_args()


def _chance(text: str) -> tuple[str, float]:
    try:
        return read_chance(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    main()
