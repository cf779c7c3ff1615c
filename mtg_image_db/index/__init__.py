"""Search unit vectors by inner product."""
