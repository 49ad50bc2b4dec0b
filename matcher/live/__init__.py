"""From the interface to the speaker: detection, voices, devices, MIDI, and the engine."""
