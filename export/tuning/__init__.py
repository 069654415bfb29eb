"""`bombus export tune`: 8 bits where they pay, float for the few operations where they don't."""
