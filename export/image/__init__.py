"""Classifiers of photos."""
