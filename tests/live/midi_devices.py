"""What stands in for RtMidi where a machine has no MIDI: ports that come, go, stream and fail."""

from collections import deque

from matcher.live import clock

API = "Pretended"


class System:
    """A system with ports; has what matcher.live.midi_ports asks of rtmidi_library.

    Args:
        ports: their names, as the system gives them.
        virtual: whether it lets programs have ports of their own.
        api: its name.
    """

    def __init__(self, *ports: str, virtual: bool = False, api: str = API):
        self.ports, self.virtual, self.api = list(ports), virtual, api
        self.apis = {api: 0}
        self.busy: set[str] = set()  # names of ports that another program holds
        self.broken = False  # whether the list of ports cannot be had
        self.attempts: list[str] = []  # to open a port
        self.inputs: list[Input] = []  # that are open
        self.outputs: list[Output] = []

    def open(self, api: int, client: str) -> "Input":
        return Input(self)

    def open_output(self, api: int, client: str) -> "Output":
        return Output(self)

    def output(self, port: str) -> "Output":
        """The open output of a port, the newest of equal ones."""
        return [o for o in self.outputs if o.port == port][-1]

    def input(self, port: str) -> "Input":
        """The open input of a port, the newest of equal ones."""
        return [i for i in self.inputs if i.port == port][-1]


class Client:
    """What inputs and outputs of a System have in common."""

    def __init__(self, system: System):
        self._system, self.port, self.fails = system, None, False

    @property
    def _all(self) -> list:
        return self._system.inputs if isinstance(self, Input) else self._system.outputs

    def names(self) -> list[str]:
        if self._system.broken:
            raise ValueError("the service does not answer")
        return list(self._system.ports)

    def connect(self, index: int, name: str) -> None:
        port = self._system.ports[index]
        self._system.attempts.append(port)
        if port in self._system.busy:
            raise ValueError("it is in use")
        self.port, self.index = port, index
        self._all.append(self)

    def connect_virtual(self, name: str) -> None:
        if not self._system.virtual:
            raise ValueError("there are none")
        self.port = "virtual"
        self._all.append(self)

    def close(self) -> None:
        if self in self._all:
            self._all.remove(self)


class Input(Client):
    """An input; `send` is what a device does."""

    def __init__(self, system: System):
        super().__init__(system)
        self.waiting = deque()

    def send(self, *data: int, since_s: float | None = None) -> None:
        self.waiting.append((list(data), since_s))

    def message(self):
        if self.fails:
            raise ValueError("the device is gone")
        return self.waiting.popleft() if self.waiting else None


class Output(Client):
    """An output, and what a device received from it, with the times, ns of live.clock."""

    def __init__(self, system: System):
        super().__init__(system)
        self.received: list[tuple[int, tuple[int, ...]]] = []

    def send(self, message: tuple[int, ...]) -> None:
        if self.fails:
            raise ValueError("the device is gone")
        self.received.append((clock.now_ns(), message))


class Schedule(System):
    """A system with one port, whose driver gets a note at each of some times, ns of live.clock."""

    def __init__(self, times_ns: list[int], data: list[int]):
        super().__init__("Pads 20:0")
        self.times_ns, self.data, self.next = times_ns, data, 0

    def open(self, api: int, client: str) -> Input:
        port = Input(self)
        port.message = self._message
        return port

    def _message(self):
        if self.next == len(self.times_ns) or clock.now_ns() < self.times_ns[self.next]:
            return None
        self.next += 1
        newest, before = self.times_ns[self.next - 1], self.times_ns[max(0, self.next - 2)]
        return self.data, 1e-9 * (newest - before)
