"""The specification's command for the tables: creates or upgrades them, and prints what it did."""

from packshot.serving.process import run_migrations

if __name__ == "__main__":
    raise SystemExit(run_migrations())
