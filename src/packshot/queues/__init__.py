"""Which product to look at next: the contract, the queue in the database, and SQS."""
