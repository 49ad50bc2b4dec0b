"""A kit as a plugin, LV2, CLAP and VST3: its values are put into a compiled template."""
