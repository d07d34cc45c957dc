"""Search algorithms: they ask for genomes and are told their values. No torch.

May import ``evaluation.costs``, ``config``, ``spaces`` and the small root files.

- ``algorithm``: the interface; random and exhaustive search.
- ``nsga2``: NSGA-II and NSGA-III, the only file that uses pymoo; ``array_nsga2``: NSGA-II for predicted values.
- ``operators``: mates, crossover and mutation.
- ``prescreening``: predictors decide which networks are evaluated; ``objective_models``: those predictors;
  ``features``: genomes as they see them; ``flattening``: the scale in which they learn; ``acquisition``: which
  predictions promise the most; ``purchases``: which trainings do, brief and whole ones, in their time.
- ``make``: the algorithm that a run file asks for.
"""
