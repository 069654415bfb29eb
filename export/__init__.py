"""The export pipeline: Keras to verified, quantized bundles, one stage a file."""
