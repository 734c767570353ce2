"""The records that could not be used: told, shown, and sent through again once they are mended."""
