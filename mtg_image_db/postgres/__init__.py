"""A database in PostgreSQL with pgvector: published there, and asked."""
