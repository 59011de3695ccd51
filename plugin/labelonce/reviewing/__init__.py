"""A page on which a person looks at duplicates and says what is wrong; it is written at once, and remembered."""
