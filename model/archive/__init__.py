"""The frames of streams as training data: read in even runs, rainy events found in them."""
