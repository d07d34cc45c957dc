"""Learned predictors of values that are expensive to measure. Plain arrays in and out.

``predictor`` is the interface; ``ridge``, ``forest`` and ``gaussian_process`` (with ``kernel``) are the predictors;
``best_of`` holds the table ``PREDICTORS`` and chooses one of them. The names are listed here, because the run file
needs them without scikit-learn.
"""

PREDICTOR_NAMES = ("ridge", "forest", "gaussian_process")
