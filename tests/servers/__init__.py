"""Real servers on loopback for the tests: AWS, PostgreSQL, and a proxy that breaks connections."""
