"""Where tasks and their images come from."""
