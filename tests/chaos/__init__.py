"""Faults in great numbers, seeded, then a recount: `python -m tests.chaos --kills 100 --seed 1`."""
