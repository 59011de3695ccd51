"""Single images: how alike they are, what is near, and whether they are already there."""
