"""The page for people: one HTML document, its files, and what browsers may do with them."""
