"""Radar files of random conventions, whose right reading is known because they were made of it."""
