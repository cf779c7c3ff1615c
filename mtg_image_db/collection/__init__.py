"""Collections: turn the answers about photos into files that collection sites import."""
