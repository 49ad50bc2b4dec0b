"""Packs: a kit's sounds as files for other programs, and what was played as MIDI files."""
