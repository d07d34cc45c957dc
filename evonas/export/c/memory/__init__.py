"""Where the tensors of a network lie in C: ``plan`` says which there are and when, ``placing`` finds their places."""
