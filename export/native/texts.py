"""The functions of the library -> LLVM's text for each platform, in a process of its own.

    python -m export.native.texts FOLDER PLATFORM ...

It writes PLATFORM.ll and record.json, which says what they hold, into a folder. All that differs
from platform to platform are the C functions: the clock, and the register for denormal numbers.
Numba has to be set up as export.plugin.emit does for processes that it starts.
"""

import ast
import ctypes
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import llvmlite.binding as llvm
import numpy as np
from numba import from_dtype, njit, types
from numba.np.numpy_support import from_dtype as scalar

import matcher
from export.native.roots import C_ROOTS, ROOTS
from matcher import compiled
from matcher.library import entry, place
from matcher.live import callback, clock, denormals, jack_midi

OPTIONS = {"cache": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # of numba.njit
ROOT = Path(matcher.__file__).parent
SYSTEMS = {  # as Python names them, and the functions that matcher.live.clock asks for there
    "linux": ("linux", ("clock_gettime", "gettid")),
    "windows": ("win32", ("QueryPerformanceCounter", "QueryPerformanceFrequency")),
}
_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_uint32
JACK = {  # what jack_midi calls, where JACK need not be
    "jack_port_get_buffer": ctypes.CFUNCTYPE(_POINTER, _POINTER, _NUMBER),
    "jack_midi_get_event_count": ctypes.CFUNCTYPE(_NUMBER, _POINTER),
    "jack_midi_event_get": ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, _NUMBER),
    "jack_last_frame_time": ctypes.CFUNCTYPE(_NUMBER, _POINTER),
    "jack_midi_clear_buffer": ctypes.CFUNCTYPE(None, _POINTER),
    "jack_midi_event_write": ctypes.CFUNCTYPE(
        ctypes.c_int, _POINTER, _NUMBER, _POINTER, ctypes.c_size_t
    ),
}
# the registers' intrinsics, under other names until the text is done: Numba makes machine code for
# the processor that it runs on, which may have none of that name
REGISTERS = ("x86.sse.stmxcsr", "x86.sse.ldmxcsr", "aarch64.get.fpcr", "aarch64.set.fpcr")
INTRINSIC, STAND_IN = "llvm.", "register."
FIRST_PLACE = 0x7D0000000000  # addresses that stand for these functions while compiling
RESULTS = {"none": "", "int64": "i8", "float64": "f8", "bool": "b1"}
LLVM_TYPES = {"i8": "i64", "f8": "double", "b1": "i8", "": "void"}
C_LLVM_TYPES = {"int32": "i32", "uint32": "i32", "uint64": "i64", "none": "void"}
# what counts references of arrays: ours have no owner, so there is nothing to count
NO_COUNTING = "define void @NRT_MemInfo_call_dtor(ptr %p) {\n  ret void\n}\n"


def become(name: str) -> dict:
    """Compile as on a platform from now on -> what stands for functions of its system, by name."""
    system, processor = name.split("-")
    clock.SYSTEM, names = SYSTEMS[system]
    kinds = {name: clock.PROTOTYPES[name] for name in names} | JACK
    stand_ins = {name: kind(FIRST_PLACE + 16 * i) for i, (name, kind) in enumerate(kinds.items())}
    clock.system_functions = lambda: {name: stand_ins[name] for name in names}
    jack_midi.library = lambda: SimpleNamespace(**stand_ins)
    clock.make_clock.cache_clear()
    denormals.X86, denormals.ARM64 = processor == "x86_64", processor == "arm64"
    callback.BITS = denormals.bits()
    return stand_ins


class Text:
    """One module of LLVM that grows.

    Args:
        text: to begin with; empty: none.
        names: of the functions that it shows.

    Attributes:
        functions, c_functions: what was added, as place.Library has them of the record.
    """

    def __init__(self, text: str = "", names: tuple[str, ...] = ()):
        self.module, self.names = llvm.parse_assembly(text) if text else None, list(names)
        self.functions, self.c_functions = {}, {}

    def add(self, function, given: tuple) -> None:
        """Add a function for some types of its arguments, as in ROOTS."""
        dispatcher = function.dispatcher
        arguments = tuple(map(_type, given))
        dispatcher.compile(arguments)
        result = dispatcher.overloads[arguments]
        name = compiled.name_of(function)
        rows = self.functions.setdefault(name, [])
        symbol = f"{name}.{len(rows)}".replace(".", "_")
        returned = RESULTS[str(result.signature.return_type)]
        rows.append({"symbol": symbol, "arguments": list(map(_kind, given)), "result": returned})
        self._link(result, _wrapper(symbol, result.fndesc.llvm_func_name, given, returned), symbol)

    def add_c(self, make, signature, system: dict) -> None:
        """Add a C function, as in C_ROOTS; system: as `become` gave it."""
        kind = signature()
        dispatcher = njit(kind, **OPTIONS)(make())
        result = dispatcher.overloads[kind.args]
        name = compiled.name_of(make)
        symbol = f"c_{name}".replace(".", "_")
        types_ = [C_LLVM_TYPES.get(str(t), "ptr") for t in kind.args]
        returned = C_LLVM_TYPES[str(kind.return_type)]
        text = _call(symbol, result.fndesc.llvm_func_name, types_, types_, "", returned)
        called = self._link(result, text, symbol, system)
        self.c_functions[name] = {"symbol": symbol, "system": called}

    def _link(self, result, wrapper: str, symbol: str, system: dict | None = None) -> list[str]:
        """Add what was compiled -> the functions of the system that it calls."""
        text, called = result.library.get_llvm_str(), []
        for name, function in (system or {}).items():  # their addresses are set from Python
            address = ctypes.cast(function, ctypes.c_void_p).value
            variable = rf'@"?numba\.dynamic\.globals\.{address:x}"?'
            if re.search(variable, text):
                called.append(name)
            place_ = f"@{place.PLACE}{name}"
            text = re.sub(rf"(?m)^{variable} = .*$", f"{place_} = linkonce global ptr null", text)
            text = re.sub(variable, place_, text)
        for name in REGISTERS:
            text = text.replace(f"@{STAND_IN}{name}(", f"@{INTRINSIC}{name}(")
        module = llvm.parse_assembly(text)
        head = f'target triple = "{module.triple}"\ntarget datalayout = "{module.data_layout}"\n'
        module.link_in(llvm.parse_assembly(head + wrapper))
        self.names.append(symbol)
        if self.module is None:
            self.module = module
        else:
            self.module.link_in(module)
        return called

    def finish(self) -> str:
        """The text, in which all else is internal."""
        head = f'target triple = "{self.module.triple}"\n'
        head += f'target datalayout = "{self.module.data_layout}"\n'
        self.module.link_in(llvm.parse_assembly(head + NO_COUNTING))
        for function in self.module.functions:
            if not function.is_declaration and function.name not in self.names:
                function.linkage = "internal"
        for variable in self.module.global_variables:
            if not variable.is_declaration:
                shared = variable.name.startswith(place.PLACE)
                variable.linkage = "external" if shared else "internal"
        return str(self.module)


def _type(given):
    """A type of ROOTS -> Numba's."""
    if isinstance(given, np.dtype):
        return from_dtype(given)
    if isinstance(given, list):
        return types.Array(from_dtype(given[0]), 1, "C")
    name, _, dimensions = given.partition("[")
    kind = types.boolean if name == "b1" else scalar(np.dtype(name))
    return types.Array(kind, dimensions.count(",") + 1, "C") if dimensions else kind


def _kind(given) -> str:
    """A type of ROOTS -> as library.entry.Entry takes it."""
    if isinstance(given, np.dtype):
        return f"record {entry.layout(given)}"
    if isinstance(given, list):
        return f"array {entry.layout(given[0])} :"
    name, _, dimensions = given.partition("[")
    return f"array {np.dtype(name).str} {dimensions[:-1]}" if dimensions else name


def _wrapper(symbol: str, target: str, given: tuple, returned: str) -> str:
    """A plain C function around a compiled one, which takes arrays by address and shape."""
    outer, inner, lines = [], [], []
    for i, kind in enumerate(given):
        if isinstance(kind, np.dtype):
            outer.append(("ptr", f"%a{i}"))
            inner.append(("ptr", f"%a{i}"))
        elif isinstance(kind, list) or "[" in kind:
            _, element, sizes = _kind(kind).split()
            sizes = sizes.split(",")
            item = (kind[0] if isinstance(kind, list) else np.dtype(element)).itemsize
            outer += [("ptr", f"%a{i}"), *(("i64", f"%a{i}n{d}") for d in range(len(sizes)))]
            shape = [("i64", f"%a{i}n{d}" if n == ":" else n) for d, n in enumerate(sizes)]
            strides, step = [], str(item)
            for d in reversed(range(len(sizes))):
                strides.insert(0, ("i64", step))
                lines.append(f"  %a{i}s{d} = mul i64 {step}, {shape[d][1]}\n")
                step = f"%a{i}s{d}"
            lines.append(f"  %a{i}count = sdiv i64 {step}, {item}\n")
            inner += [("ptr", "null"), ("ptr", "null"), ("i64", f"%a{i}count"), ("i64", str(item)),
                      ("ptr", f"%a{i}"), *shape, *strides]  # fmt: skip
        else:
            outer.append((LLVM_TYPES[kind], f"%a{i}"))
            inner.append((LLVM_TYPES[kind], f"%a{i}"))
    return _call(symbol, target, outer, inner, "".join(lines), LLVM_TYPES[returned])


def _call(symbol: str, target: str, outer: list, inner: list, lines: str, result: str) -> str:
    """A function of LLVM that calls one in Numba's convention: places for result and error first.

    outer, inner: (type, name) of its parameters and of what it gives on; types alone: likewise.
    """
    outer, inner = ([(p, f"%a{i}") if isinstance(p, str) else p for i, p in enumerate(side)]
                    for side in (outer, inner))  # fmt: skip
    stored = "i64" if result == "void" else result
    end = (
        "  ret void\n" if result == "void" else f"  %v = load {result}, ptr %r\n  ret {result} %v\n"
    )
    declared = ", ".join(["ptr", "ptr", *(kind for kind, _ in inner)])
    passed = ", ".join(["ptr %r", "ptr %e", *(f"{kind} {name}" for kind, name in inner)])
    parameters = ", ".join(f"{kind} {name}" for kind, name in outer)
    return (
        f'declare i32 @"{target}"({declared})\n'
        f"define {result} @{symbol}({parameters}) {{\n  %r = alloca {stored}\n  %e = alloca ptr\n"
        f'{lines}  %s = call i32 @"{target}"({passed})\n{end}}}\n'
    )


def _stand_in(name: str) -> str:
    return name.replace(INTRINSIC, STAND_IN)


def _sources() -> list[str]:
    """Files of matcher that were compiled, and those that they import when they load."""
    todo = {Path(file) for file in compiled.Native.compiled}
    found = set()
    while todo:
        path = todo.pop()
        found.add(path)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "matcher":
                home = ROOT.parent / node.module.replace(".", "/")
                for name in node.names:
                    files = (home / f"{name.name}.py", home.with_suffix(".py"))
                    todo |= {file for file in files if file.exists()} - found
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def main(folder: str, *platforms: str) -> None:
    """Write the texts for platforms, and their record."""
    compiled.Native.options |= OPTIONS
    call = denormals._call
    denormals._call = lambda builder, name, *more: call(builder, _stand_in(name), *more)
    for name in REGISTERS:  # called by name: nothing is run here, but Numba looks for them
        llvm.add_symbol(STAND_IN + name, 1)
    base, c_functions = Text(), {}
    for function, arguments in ROOTS:
        base.add(function, arguments)
    shared = str(base.module)
    for name in platforms:
        text, system = Text(shared, base.names), become(name)
        for make, signature in C_ROOTS:
            text.add_c(make, signature, system)
        c_functions[name] = text.c_functions
        (Path(folder) / f"{name}.ll").write_text(text.finish())
    record = {"sources": _sources(), "functions": base.functions, "c_functions": c_functions}
    (Path(folder) / "record.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
