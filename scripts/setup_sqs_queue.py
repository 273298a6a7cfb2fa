"""The document's command for SQS: creates the queue and its dead-letter queue, prints the URL."""

from packshot.cli.setup_sqs import main

if __name__ == "__main__":
    raise SystemExit(main())
