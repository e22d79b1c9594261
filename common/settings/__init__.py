"""Settings from the environment and mounted files, connections from YAML. Nothing is read at import."""
