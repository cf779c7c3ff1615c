"""A stand-in for Scryfall on this machine: for the demo, the tests and the benchmarks."""
