"""Rings of MIDI messages in shared memory: one thread writes, Python and the audio callback read.

Each message has the time at which it came in, and on JACK its frame.
"""

import numpy as np

from matcher.compiled import fence, intrinsic, memory_fence, native

SIZE = 4096  # messages that stay in the ring: seconds of the densest stream a cable carries
UNKNOWN = -1  # port of a message whose port is not known
NOTE_OFF, NOTE_ON, KEY_PRESSURE, CONTROL = 0x80, 0x90, 0xA0, 0xB0  # kinds of messages
PROGRAM, CHANNEL_PRESSURE = 0xC0, 0xD0
POSITION_CC = 16  # controller with which pads of electronic drums send where they are struck

MESSAGE = np.dtype(
    [
        ("ns", np.int64),  # when it came in, by live.clock
        ("frame", np.int64),  # of JACK's clock, in a ring of JACK
        ("port", np.int64),  # number that the writer gave its port; UNKNOWN
        ("data", np.uint8, 3),
        ("length", np.int64),
    ],
    align=True,
)
MESSAGES = np.dtype(
    [
        ("rows", MESSAGE, SIZE),
        ("count", np.int64),  # messages written
        ("slack_ns", np.int64),  # that a message may take from its stamp into the ring
        # of a ring that JACK writes
        ("client", np.int64),  # address; 0: the ring is not JACK's
        ("port", np.int64),  # address
        ("period", np.int64),  # frames in a cycle
        ("sample_rate", np.float64),  # Hz
        ("event", np.uint64, 3),  # jack_midi_event_t: time, size, address of the bytes
        ("clock", np.int64, 2),  # memory that live.clock works in
        ("gone", np.int64),  # 1: the server has shut down
    ],
    align=True,
)


class Ring:
    """A ring of messages and how far Python has read it."""

    clock_address = 0  # of jack_last_frame_time, where JACK writes the ring

    def __init__(self, slack_ns: int = 0):
        self.state = np.zeros(1, MESSAGES)
        self.state["slack_ns"] = slack_ns
        self.position = 0  # number of the next message that `poll` gives, from 0

    def poll(self) -> list[tuple[int, int, bytes]]:
        """Messages since the last call: port, ns, bytes. Of more than SIZE the oldest are lost."""
        record = self.state[0]
        count = int(record["count"])
        memory_fence()
        numbers = np.arange(max(self.position, count - SIZE), count) % SIZE
        rows = record["rows"][numbers].tolist()  # a copy
        self.position = count
        return [(port, ns, bytes(data[:length])) for ns, _, port, data, length in rows]


@intrinsic
def messages_at(typing_context, address):
    """Address of a record of MESSAGES -> pointer to it, in compiled code."""
    from numba import from_dtype, types

    result = types.CPointer(from_dtype(MESSAGES))

    def emit(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(result))

    return result(types.int64), emit


@native
def put(messages, ns, frame, port, data, length):
    """Append a message to a record of MESSAGES.

    ns, frame, port: as MESSAGE has them. data: its bytes. length: how many they are, 1 to 3.
    """
    row = messages.rows[messages.count % SIZE]
    row.ns, row.frame, row.port, row.length = ns, frame, port, length
    for i in range(length):
        row.data[i] = data[i]
    fence()
    messages.count += 1
