"""Control charts that tell a worse model from hard weather and from faults of the input."""
