"""Claims: which product comes next, and a worker's time-limited right to work on it."""
