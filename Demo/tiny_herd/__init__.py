"""The demonstration herd at run time: its herd file, its servers, asking them, and what is recorded of the answers."""
