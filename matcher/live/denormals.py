"""Denormal numbers count as zero in the audio callback, where a decaying sound ends in them.

On most processors each of them costs a hundred cycles. The processor's control register says so for
one thread, and is given back as it was.
"""

import platform

from matcher.compiled import intrinsic

X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
ARM64 = platform.machine().lower() in ("aarch64", "arm64")


def bits() -> int:
    """What flushes results and operands: FTZ and DAZ of MXCSR; FZ of FPCR."""
    return 0x8040 if X86 else 1 << 24


BITS = bits()


@intrinsic
def control(typing_context):
    """The floating-point control register of this thread, uint64; 0 where it is not known."""
    from llvmlite import ir
    from numba import types

    def emit(context, builder, signature, arguments):
        word = ir.IntType(64)
        if X86:
            place = builder.alloca(ir.IntType(32))
            _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), [_bytes(builder, place)])
            return builder.zext(builder.load(place), word)
        if ARM64:
            return _call(builder, "llvm.aarch64.get.fpcr", word, [])
        return ir.Constant(word, 0)

    return types.uint64(), emit


@intrinsic
def set_control(typing_context, value):
    """Set the floating-point control register of this thread to a value of `control`."""
    from llvmlite import ir
    from numba import types

    def emit(context, builder, signature, arguments):
        if X86:
            place = builder.alloca(ir.IntType(32))
            builder.store(builder.trunc(arguments[0], ir.IntType(32)), place)
            _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [_bytes(builder, place)])
        elif ARM64:
            _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), arguments)
        return context.get_dummy_value()

    return types.void(types.uint64), emit


def _bytes(builder, place):
    from llvmlite import ir

    return builder.bitcast(place, ir.IntType(8).as_pointer())


def _call(builder, name: str, result, arguments):
    from llvmlite import ir

    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)
