"""``python -m mtg_image_db``."""

import sys

from mtg_image_db.cli import main

if __name__ == "__main__":
    sys.exit(main())
