"""How fast artefacts are, and how large."""
