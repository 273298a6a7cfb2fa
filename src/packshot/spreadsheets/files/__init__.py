"""A file of any kind -> a table: the filled rows of one sheet as texts."""
