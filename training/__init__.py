"""Training of the encoder; needs torch."""
