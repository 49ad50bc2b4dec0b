"""Colours, text size and spacing of the window: dark, light, or the system's own.

Orange is always the recorded hit, blue always its twin. Every colour of text has a contrast of at
least 4.6 : 1 on background and panels; tests compute it.
"""

from dataclasses import dataclass, fields

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QPalette
from PyQt6.QtWidgets import QApplication

CHOICES = ("system", "dark", "light")
TEXT_SCALES = (75, 200)  # percent, least and most: beyond them panels do not fit


@dataclass(frozen=True)
class Theme:
    """Colours by what they are for."""

    background: str
    panel: str
    line: str
    text: str
    secondary: str
    recorded: str
    twin: str
    good: str
    bad: str
    ignored: str

    def color(self, name: str) -> QColor:
        """The colour in one of the fields."""
        return QColor(getattr(self, name))


THEMES = {
    "dark": Theme(
        background="#16181d", panel="#1f232b", line="#353b47", text="#e8eaee", secondary="#a3abb8",
        recorded="#ffb02e", twin="#4cc2ff", good="#5fd38d", bad="#ff7a6b", ignored="#8b94a3",
    ),
    "light": Theme(
        background="#f4f5f7", panel="#ffffff", line="#c9ced6", text="#1a1d23", secondary="#545c69",
        recorded="#9a5b00", twin="#00639c", good="#1b7340", bad="#b3261e", ignored="#666f7d",
    ),
}  # fmt: skip
_now = [THEMES["dark"]]
TEXTS = tuple(f.name for f in fields(Theme) if f.name not in ("background", "panel", "line"))

# The rest is drawn by Fusion, from the palette.
STYLE = """
QToolTip {{ background: {panel}; color: {text}; border: 1px solid {line}; }}
QFrame[panel="true"] {{ background: {panel}; border: 1px solid {line}; border-radius: {half}px; }}
QLabel {{ background: transparent; border: none; }}
QLabel[quiet="true"] {{ color: {secondary}; }}
QLabel[strong="true"] {{ font-weight: bold; }}
QLabel[of="recorded"] {{ color: {recorded}; }}
QLabel[of="twin"] {{ color: {twin}; }}
QLabel[of="bad"] {{ color: {bad}; font-weight: bold; }}
QLabel[of="missing"] {{ color: {recorded}; font-weight: bold; }}
QLabel[of="note"] {{ color: {twin}; font-weight: bold; }}
QPushButton, QLineEdit {{
  background: {background}; border: 1px solid {line}; border-radius: {small}px;
  padding: {small}px {half}px; }}
QPushButton:hover {{ border-color: {secondary}; }}
QPushButton:focus, QLineEdit:focus {{ border: 2px solid {text}; }}
QPushButton:checked {{ background: {text}; color: {background}; border-color: {text}; }}
QPushButton:checked:focus {{ border: 2px dashed {background}; }}
QProgressBar {{ background: {background}; border: 1px solid {line}; border-radius: {small}px; }}
QProgressBar::chunk {{ background: {twin}; }}
QPushButton:disabled {{ color: {ignored}; }}
"""


def now() -> Theme:
    """The theme in use."""
    return _now[0]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours by WCAG 2.1, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def apply(choice: str, text_scale: int) -> Theme:
    """Set theme and text size (percent) of the whole application; returns the theme.

    choice: one of CHOICES.
    """
    app = QApplication.instance()
    if choice == "system":
        light = app.styleHints().colorScheme() == Qt.ColorScheme.Light
        choice = "light" if light else "dark"
    theme = THEMES[choice]
    font = app.font()
    own = app.property("own point size") or font.pointSizeF()
    app.setProperty("own point size", own)
    font.setPointSizeF(own * text_scale / 100)
    app.setFont(font)
    height = QFontMetricsF(font).height()
    values = {f.name: getattr(theme, f.name) for f in fields(theme)}
    values |= {"small": round(height / 6), "half": round(height / 3), "wide": round(height)}
    app.setPalette(_palette(theme))
    _now[0] = theme  # before what follows repaints everything
    app.setStyleSheet(STYLE.format(**values))
    return theme


def _palette(theme: Theme) -> QPalette:
    palette, role = QPalette(), QPalette.ColorRole
    for name, color in (
        (role.Window, "background"), (role.Base, "background"), (role.AlternateBase, "panel"),
        (role.Button, "panel"), (role.WindowText, "text"), (role.Text, "text"),
        (role.ButtonText, "text"), (role.ToolTipText, "text"), (role.ToolTipBase, "panel"),
        (role.Highlight, "text"), (role.HighlightedText, "background"), (role.Mid, "line"),
        (role.PlaceholderText, "secondary"), (role.Link, "twin"), (role.Accent, "twin"),
        (role.Light, "line"), (role.Midlight, "line"), (role.Dark, "line"), (role.Shadow, "line"),
    ):  # fmt: skip
        palette.setColor(name, theme.color(color))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, theme.color("ignored"))
    return palette
