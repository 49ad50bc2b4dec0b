"""Compiles the player of kits as web pages, for which no compiler is needed then."""
