"""The names in XML files of spreadsheets and feeds."""

from __future__ import annotations


def local_name(name: object) -> str:
    """The name of an element or an attribute without its namespace: `table` of `{urn:...}table`."""
    return str(name).rpartition("}")[2]
