"""Networks that execute an architecture: alone, or many at once over shared weights."""
