"""Localizers: a network's step, and network and filter as one graph."""
