"""Pages for people: one self-contained file each. May import all other rooms of ``reports``."""
