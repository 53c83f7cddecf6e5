"""Forecasts to look at: pictures, loops and their colours."""
