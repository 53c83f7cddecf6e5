"""Routes by subject; each endpoint parses, makes one call and returns."""
