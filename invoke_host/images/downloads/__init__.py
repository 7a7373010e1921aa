"""Archives of images: asked for, packed in the background, fetched once by whoever asked."""
