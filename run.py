"""The specification's command for development: `python run.py` serves on port 5000, with worker."""

from packshot.cli.run import develop

if __name__ == "__main__":
    develop(prog_name="run.py")
