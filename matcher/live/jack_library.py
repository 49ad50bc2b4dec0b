"""JACK's C library: the functions that jack_midi calls, with their types."""

import ctypes
import ctypes.util
from functools import cache

from matcher.live.quiet_libraries import quiet_libraries


@cache
def _library_path() -> str:  # once: looking for it starts processes
    return ctypes.util.find_library("jack") or "libjack.so.0"


@cache
def library():
    """JACK's library. Raises ValueError where there is none."""
    quiet_libraries()
    try:
        jack = ctypes.CDLL(_library_path())
    except OSError as error:
        raise ValueError("JACK: its library is not installed") from error
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
    signatures = {
        "jack_client_open": (pointer, [text, ctypes.c_int, pointer]),
        "jack_client_close": (ctypes.c_int, [pointer]),
        "jack_get_client_name": (text, [pointer]),
        "jack_port_register": (pointer, [pointer, text, text, ctypes.c_ulong, ctypes.c_ulong]),
        "jack_get_buffer_size": (number, [pointer]),
        "jack_get_sample_rate": (number, [pointer]),
        "jack_set_process_callback": (ctypes.c_int, [pointer, pointer, pointer]),
        "jack_on_shutdown": (None, [pointer, pointer, pointer]),
        "jack_activate": (ctypes.c_int, [pointer]),
        "jack_connect": (ctypes.c_int, [pointer, text, text]),
        "jack_get_ports": (ctypes.POINTER(text), [pointer, text, text, ctypes.c_ulong]),
        "jack_free": (None, [pointer]),
        "jack_port_get_buffer": (pointer, [pointer, number]),
        "jack_midi_get_event_count": (number, [pointer]),
        "jack_midi_event_get": (ctypes.c_int, [pointer, pointer, number]),
        "jack_midi_clear_buffer": (None, [pointer]),
        "jack_midi_event_write": (ctypes.c_int, [pointer, number, pointer, ctypes.c_size_t]),
        "jack_last_frame_time": (number, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(jack, name)
        function.restype, function.argtypes = result, arguments
    return jack
