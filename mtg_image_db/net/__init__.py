"""The way out to the network."""
