"""The specification's command for a stand-alone worker: `python -m src.worker`."""

from packshot.serving.worker import run_worker

if __name__ == "__main__":
    raise SystemExit(run_worker())
