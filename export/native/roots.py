"""What the library holds: the functions that Python calls, with the types it calls them with.

A type is a number's, "f8"; an array's, "f4[:,:]" or of a fixed size, "f8[9,2]"; that of an array
of records, [DTYPE]; or a record's, its dtype. Arrays are C-contiguous.
"""

from matcher import compiled
from matcher.live import (
    callback,
    detector,
    hit_notes,
    hit_place,
    jack_midi,
    midi_ring,
    noise,
    programs,
    quiet_libraries,
    voices,
)
from matcher.matching import features, mode_power, sinusoids, strokes
from matcher.physics import bank, body, modal

POOL, PROGRAM, STATE = voices.POOL, programs.PROGRAM, callback.STATE
ROOTS = [  # function, types of its arguments
    # matching
    (strokes.powers, (strokes.STROKES, "f4[:]", "f4[:,:]", "f4[:]")),
    (strokes.logits, (strokes.STROKES, "f4[:,:]", "f4[:,:]")),
    (features._cut_out, ("c8[:,:]", "i8[:,:]", "f4[:,:]", "c8[:,:]")),
    (features._square, ("c8[:,:]", "f4[:,:]")),
    (mode_power._add_modes,
     ("f8[:]", "f8[:]", "f8[:]", "f4[:]", "f8[:]", "f8[:]", "f8", "f8", "f8[:]", "f8[:,:]")),
    (sinusoids._sums_from, ("c16[:,:]", "c16[:]", "i8[:]", "c16[:]", "c16[:,:]")),
    (sinusoids._gram, ("c16[:]", "c16[:,:]", "c16[:]", "f8[:]", "f8[:,:,:,:]")),
    (sinusoids._gains, ("f8[:,:,:,:]", "f8[:,:]", "i8[:]", "f8[:,:]", "f8[:]")),
    # the sound of a drum
    (bank.fill, (bank.BANK, bank.DRUM, "f8", "f8")),
    (bank.soften, (bank.BANK, "f8", "f8")),
    (body.add, (body.WORK, "f8", "f8", "f4[:]")),
    (modal.add_exactly,
     ("f8[:]", "f8[:]", "f8[:]", "f8[:]", "i8", "f8", "f4[:,:]", "f4[:,:,:]", "f4[:]")),
    # playing it
    (programs.write,
     (PROGRAM, bank.DRUM, "f8", "f8", "f8", "f4[:,:]", "f4[:,:]", body.WORK, "f4[:,:]", "f4[:,:]",
      "f4[:,:]", f"f8[{len(noise.FORCES)},2]")),
    (programs.set_pad_gains, (programs.PAD, "f8", "f8")),
    (voices.velocity_to_gain, ("f8", "f8")),
    (voices.set_program, (POOL, "i8", "i8")),
    (voices.strike, (POOL, "i8", "f8")),
    (voices.render, (POOL, "f4[:]", "f4[:]")),
    (voices.n_sounding, (POOL,)),
    # live
    (callback.send, (STATE, "i8", "i8", "i8", "i8", "f8", "i8")),
    (compiled.memory_fence, ()),
    (hit_place.measure, (hit_place.READOUT, "f4[:]", "i8")),
    (hit_notes.next_message, (hit_notes.SENDER, "i8", "i8")),
    (midi_ring.put, (midi_ring.MESSAGES, "i8", "i8", "i8", "u1[:]", "i8")),
    (detector.set_up, (detector.DETECTOR, *["f8"] * 6, "b1", "f8", "f8")),
    (strokes.set_up, (strokes.STROKES, "f8", "f8")),
    (detector._run, (detector.DETECTOR, "f8[:]", [detector.FOUND])),
]  # fmt: skip
C_ROOTS = [  # C functions, as compiled.c_function takes them
    (callback._make_output, callback._signature),
    (callback._make_input, callback._signature),
    (jack_midi._make_process, jack_midi._process_signature),
    (jack_midi._make_shut_down, jack_midi._shut_down_signature),
    (quiet_libraries._make_nothing, quiet_libraries._signature),
]
