"""The top floor: trains the models that bombus ships, and yours. Needs Keras."""
