"""Answers: products as the API, the desk and exports show them, built from the rows."""
