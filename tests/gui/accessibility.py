"""What a screen reader gets of the window: dbus-run-session python -m tests.gui.accessibility

Walks the accessibility tree (AT-SPI) of the app as it really runs: role, name, value, description.
"""

import os
import subprocess
import sys
import tempfile
import time

from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

from tests.e2e.window_load import x_server

ATSPI = "org.a11y.atspi"
WAIT_S = 60.0


class Bus:
    """The bus of accessible programs."""

    def __init__(self):
        session = open_dbus_connection()
        where = DBusAddress("/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Bus")
        (address,) = session.send_and_get_reply(new_method_call(where, "GetAddress")).body
        self.connection = open_dbus_connection(bus=address)

    def call(self, at: tuple[str, str], interface: str, method: str, signature="", *arguments):
        """A method's results; None where it failed."""
        where = DBusAddress(at[1], bus_name=at[0], interface=interface)
        message = new_method_call(where, method, signature, arguments)
        reply = self.connection.send_and_get_reply(message, timeout=10)
        return reply.body if reply.header.message_type.name == "method_return" else None

    def value(self, at, interface: str, name: str):
        """A property; None where it has none."""
        got = self.call(at, "org.freedesktop.DBus.Properties", "Get", "ss", f"{ATSPI}.{interface}",
                        name)  # fmt: skip
        return got[0][1] if got else None

    def children(self, at) -> list[tuple[str, str]]:
        """Of a node."""
        got = self.call(at, f"{ATSPI}.Accessible", "GetChildren")
        return list(got[0]) if got else []


def describe(bus: Bus, at) -> str:
    """A node in one line."""
    (role,) = bus.call(at, f"{ATSPI}.Accessible", "GetRoleName") or ("?",)
    name = bus.value(at, "Accessible", "Name") or ""
    description = bus.value(at, "Accessible", "Description") or ""
    value = bus.value(at, "Value", "CurrentValue")
    text = bus.call(at, f"{ATSPI}.Text", "GetText", "ii", 0, -1) if value is None else None
    shown = f" = {value:g}" if value is not None else f" = {text[0]!r}" if text else ""
    return f"{role}: {name}{shown}" + (f" ({description})" if description else "")


def walk(bus: Bus, at, depth: int = 0) -> None:
    """Print a node and all below it."""
    print("  " * depth + describe(bus, at))
    for child in bus.children(at):
        walk(bus, child, depth + 1)


def main() -> None:
    """Start the app, print its tree, end it."""
    screen = x_server()
    with tempfile.TemporaryDirectory() as home:
        more = {"XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home,
                "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}  # fmt: skip
        app = subprocess.Popen([sys.executable, "-m", "gui"], env=os.environ | more)
        bus, end = Bus(), time.monotonic() + WAIT_S
        root = (f"{ATSPI}.Registry", "/org/a11y/atspi/accessible/root")
        while not (found := bus.children(root)) and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(5)  # devices are looked for
        for program in found:
            walk(bus, program)
        app.kill()
        app.wait()
    screen.terminate()


if __name__ == "__main__":
    main()
