"""Keras layers of our own, one a file; `bombus export` may import them."""
