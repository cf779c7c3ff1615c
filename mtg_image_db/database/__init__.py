"""The database: its files, opened and published as one; search, and answers."""
