"""The player -> an object file for a target, which needs nothing but libm and memset.

Numba compiles each entry to LLVM's intermediate language, not optimised, with a plain C function
around it; here they are linked into one module, optimised, and emitted for the target.
"""

import atexit
import json
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import warnings
from typing import NamedTuple

# read when Numba loads. What is taken from its usual cache would be optimised already.
CACHE = tempfile.mkdtemp(prefix="drum-matcher-")
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
SETTINGS = {"OPT": 0, "LOOP_VECTORIZE": 0, "SLP_VECTORIZE": 0, "CPU_NAME": "x86-64-v2",
            "CPU_FEATURES": "", "CACHE_DIR": CACHE}  # fmt: skip
os.environ.update({f"NUMBA_{name}": str(value) for name, value in SETTINGS.items()})

import llvmlite.binding as llvm
from numba import NumbaWarning, njit, types

from export.plugin.entries import C_TYPES, ENTRIES

# LLVM would make vectors of two numbers where the columns of a record are no multiple of a vector
# apart, lest a column that was just written be read too soon; ours are read long after
LLVM_OPTION = "-store-to-load-forwarding-conflict-detection=false"
LLVM_TYPES = {"int64": "i64", "float64": "double", "none": "void"}


class Target(NamedTuple):
    """What a template is compiled for."""

    triple: str  # LLVM's
    cpu: str  # the least that it runs on
    zig: str  # zig's name of it: the oldest C library or system it runs on
    suffix: str
    features: str = ""  # of the processor, beside those of `cpu`
    faster_cpu: str = ""  # what a second copy of the player is compiled for, where there is one


FASTER_CPU = "x86-64-v3"  # with AVX2, as c/processor.c looks for it, and as the library is made for
TARGETS = {
    "linux-x86_64": Target("x86_64-unknown-linux-gnu", "x86-64-v2", "x86_64-linux-gnu.2.17", "so",
                           faster_cpu=FASTER_CPU),
    "linux-aarch64": Target("aarch64-unknown-linux-gnu", "generic", "aarch64-linux-gnu.2.17", "so"),
    "windows-x86_64": Target("x86_64-pc-windows-gnu", "x86-64-v2", "x86_64-windows-gnu", "dll",
                             faster_cpu=FASTER_CPU),
    "macos-x86_64": Target("x86_64-apple-macosx11.0.0", "x86-64-v2", "x86_64-macos.11.0", "dylib",
                           faster_cpu=FASTER_CPU),
    "macos-arm64": Target("arm64-apple-macosx11.0.0", "apple-m1", "aarch64-macos.11.0", "dylib"),
}  # fmt: skip


def compile_entry(name: str) -> str:
    """The LLVM text of one of ENTRIES and all it calls, the same whatever the target.

    Each is compiled in a process that compiled nothing before: Numba numbers what it compiles, and
    names it so.
    """
    warnings.simplefilter("ignore", NumbaWarning)  # what is not optimised cannot be cached
    for other in ENTRIES:  # called by name: nothing is run here, but Numba looks for them
        llvm.add_symbol(other, 1)
    function, signature = ENTRIES[name]
    compiled = njit(signature, nogil=True, error_model="numpy")(function)
    result = compiled.overloads[signature.args]
    module = llvm.parse_assembly(result.library.get_llvm_str())
    head = f'target triple = "{module.triple}"\ntarget datalayout = "{module.data_layout}"\n'
    wrapper = _wrapper(name, result.fndesc.llvm_func_name, signature)
    module.link_in(llvm.parse_assembly(head + wrapper))
    _keep_only(module, (name,))
    return str(module)


def compile_all() -> list[str]:
    """The LLVM texts of all ENTRIES, each from a copy of this process."""
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        return pool.map(compile_entry, ENTRIES, chunksize=1)


def _llvm_type(kind) -> str:
    return "ptr" if isinstance(kind, types.CPointer) else LLVM_TYPES[str(kind)]


def _wrapper(name: str, compiled: str, signature) -> str:
    """A plain C function around a compiled one, which takes places for its result and its error."""
    kinds = [_llvm_type(kind) for kind in signature.args]
    named = ", ".join(f"{kind} %a{i}" for i, kind in enumerate(kinds))
    result = _llvm_type(signature.return_type)
    stored = "i64" if result == "void" else result
    end = "  ret void" if result == "void" else f"  %v = load {result}, ptr %r\n  ret {result} %v"
    return (
        f'declare i32 @"{compiled}"(ptr, ptr, {", ".join(kinds)})\n'
        f"define {result} @{name}({named}) {{\n  %r = alloca {stored}\n  %e = alloca ptr\n"
        f'  %s = call i32 @"{compiled}"(ptr %r, ptr %e, {named})\n{end}\n}}\n'
    )


def _keep_only(module, names) -> None:
    """Make everything of a module internal but the functions of these names."""
    for function in module.functions:
        if not function.is_declaration:
            if function.name in names:
                function.visibility = "hidden"
            else:
                function.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"


def emit(texts: list[str], target: Target) -> tuple[bytes, list[str]]:
    """LLVM texts of all entries -> an object file, and the names of the functions that it needs."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.set_option("", LLVM_OPTION)
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="default", jit=False
    )
    module = None
    for text in texts:
        text = re.sub(r'triple = ".*"', f'triple = "{target.triple}"', text)
        text = re.sub(r'datalayout = ".*"', f'datalayout = "{machine.target_data}"', text)
        part = llvm.parse_assembly(text)
        if module is None:
            module = part
        else:
            module.link_in(part)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    references = llvm.create_new_module_pass_manager()
    references.add_refprune_pass()  # Numba's counts of references, of arrays that have none
    references.run(module, builder)
    for _ in range(2):
        builder.getModulePassManager().run(module, builder)
    module.verify()
    needed = sorted(f.name for f in module.functions if f.is_declaration)
    return machine.emit_object(module), [n for n in needed if not n.startswith("llvm.")]


def renamed(texts: list[str], prefix: str) -> list[str]:
    """LLVM texts of entries whose names begin with a prefix, also where they call each other."""
    names = "|".join(ENTRIES)
    return [re.sub(rf"@({names})\b", rf"@{prefix}\1", text) for text in texts]


def declarations(prefix: str = "") -> str:
    """The entries' declarations in C."""
    return "".join(
        f"{C_TYPES[s.return_type]} {prefix}{name}({', '.join(C_TYPES[kind] for kind in s.args)});\n"
        for name, (_, s) in ENTRIES.items()
    )


def choices(base: str, faster: str) -> str:
    """The entries in C where there are two copies, with these prefixes: the processor decides."""
    lines = [declarations(base), declarations(faster)]
    for name, (_, s) in ENTRIES.items():
        kinds = [C_TYPES[kind] for kind in s.args]
        taken = ", ".join(f"{kind} a{i}" for i, kind in enumerate(kinds))
        given = ", ".join(f"a{i}" for i in range(len(kinds)))
        returns = "" if s.return_type == types.void else "return "
        lines.append(
            f"{C_TYPES[s.return_type]} {name}({taken}) {{\n"
            f"  if (is_fast_processor()) {returns}{faster}{name}({given});\n"
            f"  else {returns}{base}{name}({given});\n}}\n"
        )
    return "".join(lines)


if __name__ == "__main__":
    json.dump(compile_all(), sys.stdout)
