"""Scryfall's bulk data: descriptor, snapshot, rows, faces."""
