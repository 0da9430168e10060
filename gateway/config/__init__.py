"""Configuration: TOML in, frozen data out, every mistake at once. `load_config` is the way in."""
