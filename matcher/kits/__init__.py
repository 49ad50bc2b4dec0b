"""Kits: pads with drums, their file, and editing them."""
