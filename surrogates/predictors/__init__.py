"""Learned predictors of values that are expensive to measure. Plain arrays in and out.

``predictor`` is the interface; ``ridge``, ``forest`` and ``gaussian_process`` (with ``kernel``) are the predictors;
``best_of`` holds the table ``PREDICTORS`` and chooses among them. The names stand here, since they are needed where
scikit-learn is not.
"""

PREDICTOR_NAMES = ("ridge", "forest", "gaussian_process")
