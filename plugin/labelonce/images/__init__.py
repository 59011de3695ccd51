"""Bytes of an image → upright pixels."""
