"""Hostile input in great numbers, seeded: `python -m tests.fuzz --seconds 60 --seed 1`."""
