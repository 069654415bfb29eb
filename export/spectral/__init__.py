"""Classifiers of spectra."""
