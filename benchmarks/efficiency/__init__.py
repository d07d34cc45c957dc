"""What ``search_efficiency.py`` searches, and who searches it."""
