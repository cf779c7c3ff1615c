"""The database: its files, which are opened and published together, its search and its answers."""
