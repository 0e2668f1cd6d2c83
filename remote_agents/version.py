"""The version of the package, below all that tells it to others."""

VERSION = "0.1.0"
