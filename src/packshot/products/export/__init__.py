"""Exports of approved pictures: rows, ZIP files, and files for shops' importers."""
