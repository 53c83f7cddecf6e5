"""Forecasts to look at: pictures, loops and reports; ``colours`` has the palette in dBZ."""
