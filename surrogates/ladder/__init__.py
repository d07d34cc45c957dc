"""What cheap scores of a network say about the error that it reaches once it is trained by the whole recipe.

- ``rung``: a regression for the scores of one fidelity; ``ladder``: the best rung that each network stands on.
"""
