"""The window of Drum matcher: PyQt6 and pyqtgraph around matcher's engine."""
