"""Maps of radar fields: values as bytes, where they lie in Web Mercator, and their colours."""
