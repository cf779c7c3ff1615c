"""Find the cards in a photo, name them, and know when not to."""
