"""What the other processes of torchrun do: help the first one train its supernet, and end."""

from __future__ import annotations

from pathlib import Path

from evonas.config import load_config
from evonas.progress import Silent
from evonas.setup import open_setup
from evonas.supernet import train_supernet
from evonas.together import met
from evonas.workbench import build_supernet
from reports.run_folder import RunFolder


def help_out() -> None:
    """Train the supernet of whatever run the first process works on; nothing if it needs no help."""
    with met() as folder:
        if folder:
            setup = open_setup(load_config(Path(folder) / "run.toml"))
            train_supernet(build_supernet(setup.config, setup.network_space), RunFolder(Path(folder)), setup, Silent())
