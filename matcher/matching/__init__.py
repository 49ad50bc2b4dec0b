"""Matching: from a recording of a hit to the drum that sounds like it."""
