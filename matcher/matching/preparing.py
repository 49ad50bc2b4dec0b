"""What a match needs and takes long to make, made in a thread while its modules are loaded.

The thread needs the interpreter's lock for a small part of its time only. Whoever needs something
that is not there yet waits for it, or makes it.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from matcher.matching.features import DISTANCE


def begin(model: Path | None, refines: bool) -> Future:
    """Begin to load a network and to plan the transforms; load the modules of refining meanwhile.

    Args:
        model: the network's file; None: the shipped one.
        refines: whether the match is refined, which takes more transforms.

    Returns:
        The network, an Encoder, or the ValueError that it raises.
    """
    thread = ThreadPoolExecutor(1)
    thread.submit(getattr, DISTANCE, "plan")

    from matcher.matching.encoder import SHIPPED, Encoder

    encoder = thread.submit(Encoder, model or SHIPPED)
    if refines:
        from matcher.matching.attack_fit import CQT
        from matcher.matching.descent import nnls
        from matcher.matching.target import WINDOWS

        for cqt in (*WINDOWS, CQT):
            thread.submit(getattr, cqt, "plan")
        nnls()
    thread.shutdown(wait=False)
    return encoder
