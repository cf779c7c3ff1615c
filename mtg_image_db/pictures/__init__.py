"""Pictures that are asked about: where they come from, and how they are opened."""
