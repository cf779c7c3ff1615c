"""How well photos are recognised, measured on labelled ones."""
