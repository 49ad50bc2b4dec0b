"""The drum: theta, its modes, the attack's noise, and their sound."""
