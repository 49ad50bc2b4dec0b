"""The middle left: the hit beside its twin, to see and to play, and their distance."""

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetricsF
from PyQt6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from gui.background import Background
from gui.comparison import Comparison, compare
from gui.controls import as_text, em, label, panel_in
from gui.theme import now
from matcher.kits.kit import Sound
from matcher.matching import spectrogram
from matcher.matching.features import N_SAMPLES, SAMPLE_RATE
from matcher.matching.hear import Clip

TICKS_HZ = spectrogram.TICKS_HZ[1::2]  # Hz; every other one, for want of room
DIFFERENCE_DB = 30  # dB louder or softer at the ends of the difference's colours
MAGMA = pg.colormap.get("magma")
STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # s between two texts below a plot
N_POINTS = 1200  # stretches of a drawn waveform: about one per pixel


class ComparisonPanel(QWidget):
    """Two spectrograms, two waveforms, the distance, and the stages as they came.

    Signals:
        play: samples (frames,) to play, and their rate in Hz.
        open_file: the user wants to open a recording.
        find_candidates: the user wants other drums for this hit.
        choose_candidate: index of the candidate picked.
    """

    play = pyqtSignal(object, float)
    open_file = pyqtSignal()
    find_candidates = pyqtSignal()
    choose_candidate = pyqtSignal(int)

    def __init__(self):
        super().__init__()
        self.comparison: Comparison | None = None
        self._clip: Clip | None = None
        self._next_is_twin = False
        self._wanted = None  # clip and sound of the newest comparison
        self._latest = Background(self, newest_only=True)
        self._latest.done.connect(self._show)
        self._latest.failed.connect(lambda reason: self.distance.setText(reason))
        self.titles = (label("RECORDED", of="recorded"), label("TWIN", of="twin"))
        self.views = tuple(_view(name) for name in ("Recorded hit", "Twin"))
        self.waves = _waves()
        self.distance, self.stages = label("Hit a drum, or drop a recording here."), label("", True)
        self.stages.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.stages.setWordWrap(True)
        self.stages.setMinimumHeight(round(2 * em(self)))  # so that nothing moves with its words
        self.ab = QPushButton("A/B")
        self.ab.setToolTip("Play the recorded hit, then its twin, in turns (key B)")
        self.ab.setAccessibleName("A/B: play the recorded hit or its twin")
        self.ab.clicked.connect(self.play_next)
        self.difference = QPushButton("Difference")
        self.difference.setCheckable(True)
        self.difference.setToolTip("On the right: where the twin is louder than the recording, "
                                   "and where softer")  # fmt: skip
        self.difference.toggled.connect(self._draw)
        self.file = QPushButton("Open a recording…")
        self.file.setToolTip("Match a hit of a sound file; dropping it anywhere does the same")
        self.file.clicked.connect(self.open_file)
        self.find = QPushButton("Other answers")
        self.find.setToolTip(
            "Look for this hit's drum at other pitches and of other shapes, to pick from by ear"
        )
        self.find.clicked.connect(self.find_candidates)
        self.candidates = QComboBox()
        self.candidates.setAccessibleName("Drums that come near this hit")
        self.candidates.setToolTip(
            "Drums of other pitches or shapes for this hit, nearest first: pick one to play it"
        )
        self.candidates.activated.connect(self.choose_candidate)
        self._put_together()
        self._enable()

    def show_hit(self, clip: Clip | None, sound: Sound) -> None:
        """Show a hit, or None, beside a pad's sound."""
        if (clip, sound) == self._wanted:
            return
        self._next_is_twin = self._next_is_twin and clip is self._clip
        self._clip, self._wanted = clip, (clip, sound)
        self._enable()
        if clip is None or sound.drum is None or not np.any(clip.samples):
            self.comparison = None
            self._draw()
            self._enable()
            return
        self._latest.do(lambda: compare(clip, sound))

    def show_candidates(
        self, words: str, no_drum_reason: str, candidates: list[str], chosen: int
    ) -> None:
        """Show the stages of the match and its candidates, one of which is on the pad.

        no_drum_reason: why it may be no drum. chosen: index in candidates, or -1.
        """
        self.stages.setText(no_drum_reason or words)
        self.stages.setProperty("strong", bool(no_drum_reason))
        self.stages.style().polish(self.stages)
        self.stages.setToolTip(as_text(words))
        self.candidates.blockSignals(True)
        self.candidates.clear()
        self.candidates.addItems(candidates)
        self.candidates.setCurrentIndex(chosen)
        self.candidates.blockSignals(False)
        self.candidates.setVisible(len(candidates) > 1)
        self.find.setVisible(len(candidates) <= 1)
        self.find.setText("Other answers")
        self._enable()

    def show_finding(self) -> None:
        """Show that candidates are being looked for."""
        self.find.setText("Looking…")
        self.find.setEnabled(False)

    def play_next(self) -> None:
        """Play the recorded hit, and its twin the next time."""
        if not self._current:
            return
        clip, twin = self.comparison.clip, self._next_is_twin
        self.play.emit(self.comparison.twin if twin else clip.samples, clip.sample_rate)
        self._next_is_twin = not twin
        self._enable()

    def close_down(self) -> None:
        """Start no more comparisons."""
        self._latest.close()

    def restyle(self) -> None:
        """Use the colours of the theme."""
        theme = now()
        for plot in (*self.views, self.waves):
            plot.setBackground(theme.color("panel"))
            for name in ("left", "bottom"):
                axis = plot.getAxis(name)
                axis.setPen(theme.color("line"))
                axis.setTextPen(theme.color("secondary"))
                axis.setTickFont(self.font())
            plot.getAxis("left").setWidth(round(4.4 * em(self)))
            plot.getAxis("bottom").setHeight(round(1.6 * em(self)))
        self._draw()

    def _show(self, comparison: Comparison) -> None:
        if comparison.clip is not self._clip:
            return
        self.comparison = comparison
        self._draw()
        self._enable()

    @property
    def _current(self) -> bool:
        """Whether the newest hit is the one shown."""
        return self.comparison is not None and self.comparison.clip is self._clip

    def _enable(self) -> None:
        there = self._current
        for button in (self.ab, self.difference, self.find):
            button.setEnabled(there)
        self.ab.setText("A/B: twin next" if self._next_is_twin else "A/B: recorded next")

    def _draw(self) -> None:
        it, theme = self.comparison, now()
        differs = self.difference.isChecked() and it is not None
        self.titles[1].setText("DIFFERENCE: blue twin louder, orange softer" if differs else "TWIN")
        self.waves.clear()
        for view in self.views:
            view.image.setVisible(it is not None)
        if it is None:
            self.distance.setText("Hit a drum, or drop a recording here.")
            return
        seconds = min(N_SAMPLES / SAMPLE_RATE, len(it.clip.samples) / it.clip.sample_rate)
        span = (-spectrogram.RANGE_DB, 0)
        _paint(self.views[0], it.spectrograms[0], MAGMA, span, seconds)
        if differs:
            loud = np.maximum(*it.spectrograms) > span[0]
            difference = np.where(loud, it.spectrograms[1] - it.spectrograms[0], 0)
            span = (-DIFFERENCE_DB, DIFFERENCE_DB)
            colors = [theme.color(name) for name in ("recorded", "background", "twin")]
            _paint(self.views[1], difference, pg.ColorMap([0, 0.5, 1], colors), span, seconds)
        else:
            _paint(self.views[1], it.spectrograms[1], MAGMA, span, seconds)
        for clip, color in zip(it.analysed, ("recorded", "twin")):
            times, values = _outline(clip[: round(seconds * SAMPLE_RATE)])
            pen = pg.mkPen(theme.color(color), width=1)
            self.waves.plot(times, values, pen=pen, connect="all")
        self.waves.setXRange(0, seconds, padding=0)
        self.distance.setText(f"distance {it.distance:.2f} (0 is the same sound)")

    def _put_together(self) -> None:
        layout, gap = panel_in(self, QGridLayout)
        layout.setSpacing(gap // 2)
        for column, (title, view) in enumerate(zip(self.titles, self.views)):
            layout.addWidget(title, 0, column)
            layout.addWidget(view, 1, column)
            layout.setColumnStretch(column, 1)
        layout.addWidget(self.waves, 2, 0, 1, 2)
        layout.setRowStretch(1, 5)
        layout.setRowStretch(2, 2)
        self.candidates.hide()
        rows = (
            (self.distance, self.stages),
            (self.difference, self.ab, self.find, self.candidates, self.file),
        )
        for number, widgets in enumerate(rows, 3):
            row = QHBoxLayout()
            for widget in widgets:
                row.addWidget(widget, widget is self.stages)
            if self.stages not in widgets:
                row.addStretch(1)
            layout.addLayout(row, number, 0, 1, 2)


class _Seconds(pg.AxisItem):
    """An axis of time, with as many texts as there is room for."""

    def __init__(self, side: str):
        super().__init__(side, maxTextLevel=0)

    def tickSpacing(self, low, high, size):
        font = self.style["tickFont"]
        room = 0.0 if font is None else 1.4 * QFontMetricsF(font).horizontalAdvance("0.05 s")
        text = next((s for s in STEPS_S if s * size >= room * (high - low)), STEPS_S[-1])
        return [(text, 0), (text / 5, 0)]

    def tickStrings(self, values, scale, spacing):
        return [f"{value:.4g} s" for value in values]


class _Plot(pg.PlotWidget):
    """A plot that is looked at, not used; height: of it at least, in text heights."""

    def __init__(self, name: str, height: float):
        super().__init__(axisItems={"bottom": _Seconds("bottom")})
        self._height = height
        self.setMenuEnabled(False)
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(self.Shape.NoFrame)
        self.setXRange(0, 1, padding=0)

    def minimumSizeHint(self) -> QSize:
        return QSize(round(8 * em(self)), round(self._height * em(self)))

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()


def _view(name: str) -> _Plot:
    """An empty spectrogram: time, log frequency."""
    plot = _Plot(name, 6.5)
    plot.image = pg.ImageItem()
    plot.addItem(plot.image)
    axis = plot.getAxis("left")
    axis.setTicks([[(np.log2(hz), f"{hz:g} Hz") for hz in TICKS_HZ]])
    low, high = np.log2(spectrogram.edges_hz()[[0, -1]])
    plot.setYRange(low, high, padding=0)
    plot.setAccessibleDescription("Spectrogram: time from left to right, 22 Hz to 11 kHz upwards")
    return plot


def _waves() -> _Plot:
    plot = _Plot("Waveforms of the recorded hit and its twin", 3)
    plot.getAxis("left").setTicks([[]])
    return plot


def _paint(plot, image, colors: pg.ColorMap, span, seconds: float) -> None:
    low, high = np.log2(spectrogram.edges_hz()[[0, -1]])
    end = spectrogram.edges_s()[-1]
    plot.image.setImage(image.T, levels=span, autoLevels=False)
    plot.image.setColorMap(colors)
    plot.image.setRect(QRectF(0, low, end, high - low))
    plot.setXRange(0, seconds, padding=0)


def _outline(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A waveform (samples,) -> times and values of the extremes of N_POINTS stretches."""
    step = max(1, len(x) // N_POINTS)
    rows = x[: len(x) // step * step].reshape(-1, step)
    values = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1).ravel()
    times = np.repeat(np.arange(len(rows)) * step / SAMPLE_RATE, 2)
    return times, values
