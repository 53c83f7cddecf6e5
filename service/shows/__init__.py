"""Commands that show a whole service at work: the demo and the benchmark."""
