"""Rain at a place: in a sentence, as JSON, and in the forms that other programs read."""
