"""The document's command for development: `python run.py` serves on port 5000, with a worker."""

from packshot.serving import run_development

if __name__ == "__main__":
    run_development()
