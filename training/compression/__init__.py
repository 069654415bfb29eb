"""Smaller models before export: which channels to drop, and how to drop them."""
