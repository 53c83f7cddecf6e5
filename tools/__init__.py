"""What is run by hand when something shipped is made anew."""
