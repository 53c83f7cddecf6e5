"""Maps of streams: the time line of their images, images as a whole, and tiles."""
