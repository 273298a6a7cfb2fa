"""The document's door to a worker on its own: `python -m src.worker`."""

from packshot.serving import run_worker

if __name__ == "__main__":
    raise SystemExit(run_worker())
