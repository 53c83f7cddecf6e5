"""The forms of HTTP: problems, negotiation, parameters, schemas."""
