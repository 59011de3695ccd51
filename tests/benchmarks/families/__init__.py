"""Families of generated pictures that look alike, and that people would label differently."""
