"""The gate: an artefact that does not compute what its Keras model computes stops here."""
