"""Sources: where agencies publish radar images, one TOML file each; how their lists are read."""
