"""A challenger is trained on stored frames, judged and, if it is better, published."""
