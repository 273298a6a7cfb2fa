"""The queue: its contract, the implementation in the database, and SQS."""
