"""One process of the server or of its worker: starts it, and drains the worker at the end."""
