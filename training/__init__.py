"""Training of the encoder; needs torch."""

import os
import warnings

# Read when torch loads: a waiting thread leaves its core to the process that renders sounds.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Torch calls its own deprecated function at the first forward-mode derivative.
warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
