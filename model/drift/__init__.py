"""Control charts that distinguish a worse model from hard weather and from faults of the input."""
