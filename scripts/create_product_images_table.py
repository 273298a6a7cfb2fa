"""The document's door to the tables: creates or upgrades them, and says what it did."""

from packshot.serving import run_migrations

if __name__ == "__main__":
    raise SystemExit(run_migrations())
