"""The kinds of bulk snapshot that hold card objects (https://scryfall.com/docs/api/bulk-data)."""

KINDS = ("oracle_cards", "unique_artwork", "default_cards", "all_cards")
