"""The study and its figures."""
