"""Where coordinates lie on earth: projections and degrees."""
