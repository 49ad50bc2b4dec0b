"""The window: the panels around a Session, its menus, keys and drops."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QEvent, Qt, QTimer
from PyQt6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QGridLayout,
    QLineEdit,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from gui import theme
from gui.controls import em, focusable
from gui.files import Files
from gui.focus_ring import FocusRing
from gui.menus import Menus
from gui.message import Message
from gui.panels.bar import Bar
from gui.panels.comparison import ComparisonPanel
from gui.panels.drum import DrumPanel
from gui.panels.input import InputPanel
from gui.panels.pad_button import KEY_VELOCITY, KEYS
from gui.panels.pads import PadsPanel
from gui.panels.preferences_dialog import PreferencesDialog
from gui.panels.status import Monitor, Notice, StatusBar
from gui.preferences import Preferences, recovery_file
from gui.session import Session, make_session
from matcher.kits.kit_folder import is_kit
from matcher.live.protocol import MORE_NOTES, NOTE, DeviceChanged, Ready, Rescan

SIZE = (1280, 800)  # px at the first start: fits a small laptop
SHEET_STRETCH = 4  # share of the height that the list of a take gets; the pads have 3
NARROW = 1100  # px of width below which the drum moves under the spectrograms
MATCHED_FORCE = 0.7  # share of full force that moves the membrane when a drum was matched


class Window(QMainWindow):
    """The main window. The engine starts with session.start()."""

    def __init__(self, session: Session):
        super().__init__()
        self.session, self._narrow, self.monitor = session, None, None
        self.input, self.comparison = InputPanel(session), ComparisonPanel()
        self.drum = DrumPanel()
        self.pads, self.status, self.notice = PadsPanel(), StatusBar(), Notice()
        self.bar = Bar(session)
        self.files = Files(session, self)
        self.menus = Menus(self, self.files, self.bar, self.pads, self._settings, self._monitor)
        self._put_together()
        self._connect()
        self.setAcceptDrops(True)
        self.refresh()
        self._show_remembered()
        self._show_devices()
        self.pads.buttons[session.editor.armed].setFocus()

    # what is shown

    def refresh(self) -> None:
        """Show the kit as it is."""
        editor, document = self.session.editor, self.session.document
        armed, pad, matched = editor.armed, editor.pad, editor.armed_match
        self.pads.show_kit(editor.kit.pads, armed, editor.setup.solo)
        self.drum.show_pad(pad, matched and matched.drum, editor.spread)
        self.drum.title.setText(f"PAD {armed + 1}: {(pad.name or 'NOTHING YET').upper()}")
        self.comparison.show_hit(matched and matched.clip, pad.sound)
        words, reason = (matched.words, matched.no_drum_reason) if matched else ("", "")
        self.comparison.show_candidates(words, reason, *editor.candidates)
        self.input.show_settings()
        self.bar.refresh()
        self.setWindowTitle(f"{editor.kit.name}{' *' * document.edited} - Drum matcher")
        self.menus.show_undo(document.undo_text, document.redo_text)

    def _show_remembered(self) -> None:
        """Show what is remembered beside the kit: controllers, mode, recent kits."""
        setup = self.session.editor.setup
        for part in (self.drum, self.pads):
            part.show_controllers(setup.controllers)
        self.bar.show_mode(setup.mode)
        self.menus.show_recent(self.session.preferences.recent)

    def _show_devices(self) -> None:
        inputs, _ = self._device_names()
        self.input.show_inputs(inputs, self.session.preferences.input)

    def _device_names(self) -> tuple[list[str], list[str]]:
        found = self.session.link.devices()
        inputs = [device.key for device in found if device.channels_in > 0]
        outputs = [device.key for device in found if device.channels_out > 0]
        return inputs, outputs

    def _tell(self, message: Message) -> None:
        """Show a message; a note without a button does not hide an error or what is missing."""
        self.pads.show_learning(self.session.learning in (NOTE, MORE_NOTES))
        if not message.kind:
            if self.notice.kind == message.text:
                self.notice.clear()
        elif message.kind == "hint":
            if not self.notice.kind:
                self.notice.tell("note", message.text)
        elif message.kind != "note" or message.action_label or self.notice.kind in ("", "note"):
            self.notice.tell(
                message.kind, message.text, message.action_label, message.action, message.dismissed
            )

    def _take(self, event) -> None:
        self.input.take(event)
        self.status.take(event, self.session.editor.name_of)
        if isinstance(event, (Ready, DeviceChanged)):
            self._show_devices()

    def _take_snapshots(self, snapshots: list[dict]) -> None:
        self.input.take_snapshots(snapshots)
        self.status.take_snapshot(snapshots[-1])
        peak = max((s["output_peak"] for s in snapshots if s["running"]), default=0.0)
        self.bar.meter.show_level(20 * np.log10(max(float(peak), 1e-6)))

    def _played(self, pad: int, velocity: int) -> None:
        if velocity:
            self.pads.flash(pad, velocity)
        if pad == self.session.editor.armed:
            self.drum.membrane.hit(velocity / 127 if velocity else MATCHED_FORCE)

    def _show_take(self) -> None:
        """Show the list of a take in place of the pads, or the pads."""
        takes, focus = self.files.takes, self.focusWidget()
        if takes.sheet is not None and takes.sheet.parent() is None:
            self._column.addWidget(takes.sheet, SHEET_STRETCH)
        showing = takes.showing and takes.sheet is not None
        if takes.sheet is not None:
            takes.sheet.setVisible(showing)
        self.pads.setVisible(not showing)
        self.menus.show_take(takes.sheet is not None, showing)
        self._arrange()
        typing = isinstance(focus, (QLineEdit, QAbstractSpinBox)) and focus.isVisible()
        if not typing:
            self._focus_below()
        QTimer.singleShot(0, self._scroll_to_take)  # once all has its place

    def _scroll_to_take(self) -> None:
        takes = self.files.takes
        if takes.showing:
            self._area.ensureWidgetVisible(takes.sheet)

    def _focus_below(self) -> None:
        """Give the keys to what is at the bottom: the chosen pad, or the list of a take."""
        takes, armed = self.files.takes, self.session.editor.armed
        (takes.sheet.table if takes.showing else self.pads.buttons[armed]).setFocus()

    # pages

    def _settings(self) -> None:
        dialog = PreferencesDialog(self.session.preferences, self)
        self._offer_devices(dialog)
        dialog.changed.connect(self._apply)
        dialog.rescan.connect(lambda: self.session.link.send(Rescan()))
        places, row = self.session.places, dialog.hit_place
        row.learn.connect(places.learn)
        row.end.connect(places.end)
        row.forget.connect(places.forget)
        show = lambda: row.show_places(places)  # noqa: E731
        places.changed.connect(show)
        show()

        def look(event):
            if isinstance(event, (Ready, DeviceChanged)):
                self._offer_devices(dialog)

        self.session.link.happened.connect(look)
        dialog.exec()
        self.session.link.happened.disconnect(look)
        places.changed.disconnect(show)
        places.end()

    def _offer_devices(self, dialog: PreferencesDialog) -> None:
        snapshot = self.session.link.snapshot()
        dialog.show_devices(*self._device_names(), snapshot.get("midi_ports", []))
        dialog.show_midi_out_ports(snapshot.get("midi_out_ports", []))
        dialog.show_output_channels(snapshot.get("output_channels", 0))

    def _apply(self, wanted: Preferences) -> None:
        before = self.session.preferences
        self.session.apply_preferences(wanted)
        if (wanted.theme, wanted.text_scale) != (before.theme, before.text_scale):
            self._restyle()
        self._show_devices()

    def _restyle(self) -> None:
        """Apply theme and text size, which preferences or system have changed."""
        wanted = self.session.preferences
        theme.apply(wanted.theme, wanted.text_scale)
        self._restyle_parts()

    def _restyle_parts(self) -> None:
        """Let the parts that do not follow by themselves take on theme and text size."""
        self.comparison.restyle()
        if self.files.takes.sheet is not None:
            self.files.takes.sheet.restyle()
        self._arrange()

    def _choose_input(self, name: str) -> None:
        self._apply(replace(self.session.preferences, input=name))

    def _choose_channel(self, channel: int) -> None:
        self._apply(replace(self.session.preferences, input_channel=channel))

    def _monitor(self) -> None:
        if self.monitor is None:
            self.monitor = Monitor(self)
            self.session.link.happened.connect(self.monitor.take)
        self.monitor.show_messages(self.session.link.messages())
        self.monitor.show()

    # keys, drops, end

    def eventFilter(self, watched, event):
        """Play pads by computer keys wherever the focus is, except while typing; Esc always."""
        if event.type() != QEvent.Type.KeyPress or QApplication.activeModalWidget() is not None:
            return super().eventFilter(watched, event)
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        key, focus = event.text().upper(), self.focusWidget()
        number = isinstance(focus, QAbstractSpinBox) and (key.isdigit() or not key.isprintable())
        typing = (isinstance(focus, QLineEdit) or number) and key != "\x1b"
        if isinstance(focus, QLineEdit) and key in ("\r", "\x1b"):  # it is typed
            QTimer.singleShot(0, self._focus_below)
        mine = isinstance(watched, QWidget) and watched.window() is self
        if not plain or typing or not key or not mine:
            return super().eventFilter(watched, event)
        if key not in KEYS and key not in self._keys:
            return super().eventFilter(watched, event)
        if not event.isAutoRepeat():
            if key in KEYS:
                self.session.play(KEYS.index(key), KEY_VELOCITY)
            else:
                self._keys[key]()
        return True

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Let `Tab` go through all controls as they are read, from the top to the bottom."""
        bottom = self.files.takes.sheet if self.files.takes.showing else self.pads
        parts = (self.bar, self.input, self.comparison, self.drum, bottom, self.notice)
        there = [control for part in parts for control in focusable(part)
                 if control.isVisibleTo(self) and control.isEnabled()]  # fmt: skip
        focus = self.focusWidget()
        at = there.index(focus) if focus in there else -1 if forward else 0
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        there[(at + (1 if forward else -1)) % len(there)].setFocus(reason)
        return True

    def _escape(self) -> None:
        """Silence everything; leave a field of the list of a take, or else put the list away."""
        self.session.silence()
        takes = self.files.takes
        if takes.showing and not takes.sheet.leave_field():
            takes.show(False)

    def _play_next(self) -> None:
        """Play the hit or its twin: those of the list of a take while the keys go there."""
        sheet, focus = self.files.takes.sheet, self.focusWidget()
        there = sheet is not None and focus is not None and sheet.isAncestorOf(focus)
        (sheet if there else self.comparison).play_next()

    def dragEnterEvent(self, event):
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event):
        files = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            if len(files) > 1:
                text = f"{len(files)} files were dropped; only {files[0].name} is opened"
                self.session.tell("note", text)
            # the program that the file comes from need not wait
            QTimer.singleShot(0, lambda: self.files.open(files[0]))

    def resizeEvent(self, event):
        super().resizeEvent(event)
        self._arrange()

    def closeEvent(self, event):
        if not self.files.may_leave():
            event.ignore()
            return
        QApplication.instance().removeEventFilter(self)
        self.comparison.close_down()
        self.files.close()
        self.session.close()
        event.accept()

    # how it is built

    def _connect(self) -> None:
        session, link, pads = self.session, self.session.link, self.pads
        editor, edit = session.editor, session.edit
        session.changed.connect(self.refresh)
        session.played.connect(self._played)
        session.message.connect(self._tell)
        self.notice.closed.connect(session.repeat_missing)
        session.remembered.connect(self._show_remembered)
        self.files.takes.changed.connect(self._show_take)
        link.happened.connect(self._take)
        link.failed.connect(self.status.show_no_sound)
        link.snapshots.connect(self._take_snapshots)
        self.input.input_chosen.connect(self._choose_input)
        self.input.channel_chosen.connect(self._choose_channel)
        self.comparison.play.connect(session.audition)
        self.comparison.find_candidates.connect(session.find_candidates)
        self.comparison.find_candidates.connect(self.comparison.show_finding)
        self.comparison.choose_candidate.connect(session.choose_candidate)
        self.comparison.open_file.connect(self.files.choose_recording)
        self.drum.strike_moved.connect(lambda x1, x2: edit(editor.move_strike, x1, x2))
        self.drum.struck.connect(lambda: session.play(editor.armed, KEY_VELOCITY))
        for part in (self.drum, pads):
            part.turned.connect(lambda name, value: edit(editor.turn, name, value))
            part.released.connect(session.document.end_step)
            part.learn.connect(session.learn)
            part.forget.connect(session.forget)
        for signal, do in (
            (pads.play, session.play), (pads.choose, session.choose), (pads.copy, editor.copy),
            (pads.change, session.change_pad), (pads.solo, lambda on: edit(editor.set_solo, on)),
            (pads.paste, lambda: edit(editor.paste)), (pads.clear, lambda: edit(editor.clear)),
            (pads.export, self.files.export), (pads.learn_note, lambda: session.learn(NOTE)),
            (pads.learn_more, lambda: session.learn(MORE_NOTES)),
        ):  # fmt: skip
            signal.connect(do)
        self._keys = {
            "B": self._play_next,
            "\x1b": self._escape,
            "M": lambda: session.set_mode("trigger" if editor.setup.mode == "match" else "match"),
            "L": self.input.set_up.click,
        }
        app = QApplication.instance()
        app.installEventFilter(self)
        FocusRing(self)
        app.styleHints().colorSchemeChanged.connect(self._restyle)

    def _put_together(self) -> None:
        gap = round(em(self) / 2)
        self._middle = QGridLayout()
        self._middle.setSpacing(gap)
        inside = QWidget()
        self._column = column = QVBoxLayout(inside)
        column.setContentsMargins(gap, gap, gap, 0)
        column.setSpacing(gap)
        column.addWidget(self.bar)
        column.addWidget(self.input, 2)
        column.addLayout(self._middle, 5)
        column.addWidget(self.pads, 3)
        self._area = area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        whole = QWidget()
        outer = QVBoxLayout(whole)
        outer.setContentsMargins(0, 0, 0, gap // 2)
        outer.setSpacing(gap // 2)
        for widget, stretch in ((area, 1), (self.notice, 0), (self.status, 0)):
            outer.addWidget(widget, stretch)
        self.setCentralWidget(whole)
        self._arrange()
        self.comparison.restyle()

    def _arrange(self) -> None:
        """The drum beside the spectrograms, or below them where there is no room."""
        needed = sum(part.minimumSizeHint().width() for part in (self.comparison, self.drum))
        narrow = self.width() < max(NARROW, needed + 4 * self._middle.spacing())
        if self.files.takes.sheet is not None:
            self.files.takes.sheet.arrange(self.width())
        if narrow == self._narrow:
            return
        self._narrow = narrow
        for widget in (self.comparison, self.drum):
            self._middle.removeWidget(widget)
        self._middle.addWidget(self.comparison, 0, 0)
        self._middle.addWidget(self.drum, 1 if narrow else 0, 0 if narrow else 1)
        self._middle.setColumnStretch(0, 3)
        self._middle.setColumnStretch(1, 0 if narrow else 2)


def make_window(remembered: Preferences, model: Path | None = None, file: Path | None = None):
    """The window as the app starts; file: a kit or a recording to open, as if it was dropped."""
    recovery, lock = recovery_file()
    kit = file if file is not None and is_kit(file) else None
    session, message = make_session(remembered, recovery, model, kit)
    window = Window(session)
    window.lock = lock  # held as long as the window lives
    session.message.emit(message)
    if file is not None and kit is None:
        QTimer.singleShot(0, lambda: window.files.open(file))
    window.resize(*SIZE)
    return window
