"""Learned spectral indices: samples, tasks, networks, the study of them, and its report."""
