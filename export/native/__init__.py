"""The compiled library (matcher.library), made from the functions that Python calls."""
