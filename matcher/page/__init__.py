"""A kit as one web page that plays it, by the plugin's player as WebAssembly."""
