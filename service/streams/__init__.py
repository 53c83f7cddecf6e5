"""Streams over HTTP: frames in, forecasts and their scores out. Files first, the engine second."""
