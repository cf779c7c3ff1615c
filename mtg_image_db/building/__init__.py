"""The build: every valid image of a cache becomes a vector, and all of them a database."""
