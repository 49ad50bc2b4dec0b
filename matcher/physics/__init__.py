"""The physical model: theta, the modes of the membrane, the noise of the attack, rendering."""
