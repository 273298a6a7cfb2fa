"""The specification's command for development: `python run.py` serves on port 5000, with worker."""

from packshot.serving.server import run_development

if __name__ == "__main__":
    run_development()
