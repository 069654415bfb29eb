"""`bombus app map`: a satellite scene in, a map of its classes and indices out, tile by tile."""
