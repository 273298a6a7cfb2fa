"""The document's door to development: `python run.py` serves on port 5000, worker and all."""

from packshot.serving import run_development

if __name__ == "__main__":
    run_development()
