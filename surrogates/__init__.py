"""Everything that predicts a network's accuracy cheaply. Takes plain data and small protocols, never an evonas type."""
