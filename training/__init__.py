"""Training of the encoder; needs torch."""

import os
import warnings

# Read when torch loads: a thread that waits leaves its core to the process that makes sounds.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Torch's own use of what it has deprecated, at the first forward-mode derivative.
warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
