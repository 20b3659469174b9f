"""The control endpoints under /_sandbox/: what a test does by hand."""
