"""Compiles the plugin's templates from our own source, by Numba and zig."""
