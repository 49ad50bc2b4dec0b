"""A take of a whole kit -> a kit: its hits, which drum each is on, and a drum for each pad."""
