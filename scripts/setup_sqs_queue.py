"""The specification's command for SQS: makes queue and dead-letter queue, prints the URL."""

from packshot.cli.setup_sqs import main

if __name__ == "__main__":
    raise SystemExit(main())
