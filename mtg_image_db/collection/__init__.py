"""Collections: from the answers about photos to files that collection sites import."""
