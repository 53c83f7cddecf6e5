"""The model that renews itself: a challenger is trained, judged and, if it is better, published."""
