"""Read a run folder, answer questions about it as plain tables, draw figures and write pages."""
