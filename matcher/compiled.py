"""What compiled code of the audio thread shares."""

from numba import njit, types
from numba.extending import intrinsic


def native(function):
    """Compile a function that the audio callback calls: no interpreter, no exceptions."""
    return njit(nogil=True, cache=True, error_model="numpy")(function)


@intrinsic
def fence(typing_context):
    """Nothing before it is seen by another thread after what comes behind it."""

    def emit(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), emit
