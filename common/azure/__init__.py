"""Azure as it behaves: sign-in, Resource Graph, ARM, and rows made into findings."""
