"""From a model in memory to files: each scheme by its tool, each file in a process of its own."""
