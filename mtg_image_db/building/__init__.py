"""The build: turn every valid image of a cache into a vector, and all vectors into a database."""
