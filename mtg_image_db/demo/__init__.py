"""The offline demonstration: a Scryfall on loopback, and the cards that it serves."""
