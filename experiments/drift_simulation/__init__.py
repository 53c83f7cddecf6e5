"""Months of made-up weather, forecast and counted: to choose the charts of drift, and try them."""
