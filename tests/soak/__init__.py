"""Long runs that try to break the promises of docs/reliability.md: `make soak`."""
