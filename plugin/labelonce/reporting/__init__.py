"""What labelonce saved, for people who want to look before they trust: figures, a gallery, one page."""
