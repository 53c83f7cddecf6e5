"""The pages of an evaluation and of a retraining: one face, one file each, no other host asked."""
