"""Storms of our own making, for demos and tests."""
