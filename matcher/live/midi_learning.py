"""Learning a controller: telling one that a hand moves from one that streams by itself."""

from matcher.live.midi import Message

QUIET_NS = 1_000_000_000  # ns without a message, after which a controller does not stream
TRAVEL = 4  # of 127, that a controller moves before it is learned: a pedal at rest flickers by 1


class Movements:
    """What controllers have sent. One that already sent when learning began is not learned."""

    def __init__(self):
        self._last: dict[tuple, int] = {}  # ns of the newest message of each controller
        self._streaming: set[tuple] = set()
        self._span: dict[tuple, tuple[int, int]] = {}  # least and greatest value while learning

    def begin(self, now_ns: int) -> None:
        """Learning begins; now_ns: of live.clock."""
        recent = {key for key, ns in self._last.items() if now_ns - ns < QUIET_NS}
        self._streaming, self._span = recent, {}

    def is_moved(self, message: Message) -> bool:
        """Take note of a controller's message -> whether it is one that a hand moves."""
        key = message.ring, message.port, message.channel, message.number
        before, self._last[key] = self._last.get(key, -QUIET_NS), message.ns
        if key in self._streaming:
            if message.ns - before < QUIET_NS:
                return False
            self._streaming.remove(key)
        low, high = self._span.get(key, (message.value, message.value))
        low, high = min(low, message.value), max(high, message.value)
        self._span[key] = low, high
        return high - low >= TRAVEL
