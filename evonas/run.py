"""A run as a Python user holds it: the front as a DataFrame, picks, trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evonas.config import load_config
from evonas.errors import EvonasError, RunFolderError
from evonas.layer_tables import describe_front, undescribed
from evonas.picks import pick, select
from evonas.progress import Observer, Silent
from evonas.provenance import check_unchanged
from evonas.setup import open_setup
from evonas.spaces import Space
from reports.page import write_reports
from reports.run_folder import NotARunFolderError, RunFolder

if TYPE_CHECKING:  # these bring torch along, which a table of results does without
    from evonas.exporting import Verification
    from evonas.nets.network import Network
    from evonas.retrain import Training


@dataclass(frozen=True)
class Run:
    """A finished or stopped search.

    Attributes:
        folder: What is on disk.
        space: The search space, if the run was started with an object.
    """

    folder: RunFolder
    space: Space | None = None

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    def front(self, *, where: str | None = None, sort: str | None = None) -> pd.DataFrame:
        """The Pareto front: ``id``, ``genome`` and every measure in its own unit, smallest error first.

        Args:
            where: A condition such as ``"model_size < 8KiB and error < 5%"``; see :func:`reports.query.where`.
            sort: Columns joined by commas, such as ``"model_size"``; ``"-model_size"`` from large to small.

        Raises:
            SelectionError: A condition or column that cannot be read, and what is allowed.
        """
        return select(self.folder, where=where, sort=sort)

    def evaluations(self) -> pd.DataFrame:
        """Every evaluation, random search's too (see the column ``origin``).

        A network that was valued anew, by a supernet that grew or another correction, has a row a ``stage``; the last
        stage is what counts.
        """
        return self.folder.evaluations()

    def pick(self, which: str) -> pd.DataFrame:
        """Choose networks of the front.

        Args:
            which: ``"knee"``; ``"all"``; ``"best:MEASURE"``; ``"balanced:error=2,bitops=1"``; a condition such as
                ``"model_size < 8KiB"``, which picks the smallest error within it; or ids such as ``"17,42"``.

        Returns:
            The chosen rows of :meth:`front`.

        Raises:
            SelectionError: It names no network, and why.
        """
        return pick(self.folder, which)

    def train(
        self,
        which: str = "knee",
        *,
        seeds: Sequence[int] = (0,),
        epochs: int | None = None,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        workers: int | None = None,
        observer: Observer | None = None,
    ) -> list[Training]:
        """Train picks and measure them on the test set.

        Args:
            which: See :meth:`pick`.
            seeds: One training a seed.
            epochs: Instead of the run file's.
            overrides: Keys of [training] and [compute] instead of the run file's, a dict a section.
            workers: Processes; instead of the run file's.
            observer: Hears of the progress.
        """
        from evonas.retrain import train_picks

        observer = observer or Silent()
        picks = self.pick(which)
        changed = {section: dict(keys) for section, keys in (overrides or {}).items()}
        if epochs is not None:
            changed["training"] = {**changed.get("training", {}), "epochs": epochs}
        observer.phase("training in full", total=len(picks) * len(seeds))
        trainings = []
        for training in train_picks(
            self.folder, picks, seeds=seeds, overrides=changed, workers=workers, space=self.space
        ):
            trainings.append(training)
            observer.advance(len(trainings), note=f"test accuracy {100 * (1 - training.test.error):.2f} %")
        write_reports(self.folder)
        return trainings

    def trust(
        self,
        *,
        networks: int = 20,
        seeds: int = 3,
        epochs: int | None = None,
        workers: int | None = None,
        observer: Observer | None = None,
    ) -> pd.DataFrame:
        """Hold the run's estimates against trainings from scratch; see :func:`evonas.trust.measure_trust`."""
        from evonas.trust import measure_trust

        table = measure_trust(
            self.folder,
            networks=networks,
            seeds=seeds,
            epochs=epochs,
            workers=workers,
            space=self.space,
            observer=observer,
        )
        write_reports(self.folder)
        return table

    def load(self, evaluation: int, *, seed: int = 0, recipe: str = "") -> Network:
        """A network that :meth:`train` trained, ready to run: ``network(images)`` with pixels within 0 to 1.

        Args:
            evaluation: Its id.
            seed: Of the training.
            recipe: Hash of its recipe, if several trainings had this seed; it ends the name of their weights.

        Raises:
            SelectionError: It was not trained with this seed.
        """
        from evonas.trained import load_trained

        return load_trained(self.folder, evaluation, seed=seed, recipe=recipe, space=self.space).network

    def export(
        self,
        which: str = "knee",
        *,
        format_name: str = "onnx",
        seed: int = 0,
        recipe: str = "",
        out: Path | None = None,
    ) -> list[Path]:
        """Write trained picks to files that run elsewhere; see :func:`evonas.exporting.export_picks`."""
        from evonas.exporting import export_picks

        picks = self.pick(which)
        return list(
            export_picks(
                self.folder, picks, format_name=format_name, seed=seed, recipe=recipe, out=out, space=self.space
            )
        )

    def verify(self, path: str | Path, *, images: int | None = None) -> Verification:
        """Hold an exported file against the network that it came from; see :func:`evonas.exporting.verify`."""
        from evonas.exporting import verify

        return verify(Path(path), self.folder, images=images, space=self.space)

    def report(self) -> Path:
        """Write front, figures and page anew; returns the page's path.

        A run of an earlier version does not know its networks' layers yet; they are added where the search space can be
        opened, and the page goes without them where it cannot.
        """
        if self.folder.meta("genes") is None or (undescribed(self.folder) and not self.folder.meta("is_table")):
            with suppress(EvonasError):
                setup = open_setup(load_config(self.path / "run.toml"), self.space)
                check_unchanged(self.folder, setup.config, setup.data, setup.space)
                describe_front(self.folder, setup.space)
        return write_reports(self.folder)


def open_run(path: Path, *, space: Space | None = None) -> Run:
    """Open a run folder.

    Args:
        path: The folder.
        space: Its search space, if the run was started with an object.

    Raises:
        RunFolderError: It holds no run, or one of another version.
    """
    try:
        return Run(RunFolder(path), space)
    except NotARunFolderError as error:
        raise RunFolderError(
            "a run folder, as evonas search makes it", found=str(error), remedy="check the path; runs lie under runs/"
        ) from error
