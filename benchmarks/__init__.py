"""Benchmarks: speed and memory as ratios between things run in turn. Not tests."""
