"""mtg-image-db: which Magic card is this?"""

__version__ = "0.1.0"
