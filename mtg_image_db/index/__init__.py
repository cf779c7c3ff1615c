"""Searching unit vectors by inner product."""
