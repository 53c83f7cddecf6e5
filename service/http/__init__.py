"""The forms of HTTP: problems (error answers), content negotiation, parameters, schemas."""
