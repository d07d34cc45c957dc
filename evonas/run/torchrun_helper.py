"""What the other processes of torchrun do: help the first one train its supernet, and then end."""

from __future__ import annotations

from pathlib import Path

from evonas.config.load import load_config
from evonas.progress import Silent
from evonas.run.context import open_context
from evonas.run.stages.supernet_store import SupernetStore
from evonas.run.torchrun import met
from evonas.training.supernet_training import build_supernet
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import RUN_FILE


def help_out() -> None:
    """Train the supernet of whatever run the first process works on; nothing if it needs no help."""
    with met() as folder:
        if folder:
            problem = open_context(load_config(Path(folder) / RUN_FILE)).networks
            SupernetStore(RunFolder(Path(folder)), Silent()).train(
                build_supernet(problem.config, problem.space), problem
            )
