"""API keys, and how often each may ask."""
