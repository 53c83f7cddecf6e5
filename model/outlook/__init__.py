"""Rain at one place: when it begins and ends, as far as that is known."""
