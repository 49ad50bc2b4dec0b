"""Training of the encoder; needs torch."""

import os

# Read when torch loads: a thread that waits leaves its core to the process that makes sounds.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
