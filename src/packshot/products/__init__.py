"""Products: intake, lists, review, corrections, export, retention and deletion."""
