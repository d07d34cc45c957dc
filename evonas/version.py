"""The version of evonas, which every run keeps."""

__version__ = "0.1.0"
