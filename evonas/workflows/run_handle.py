"""The Python API of a run: the front as a DataFrame, picks, trainings, exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evonas.errors import RunFolderError, SelectionError
from evonas.plugins import resolve
from evonas.progress import Observer, Silent
from evonas.run.context import RunContext, no_networks, reopen
from evonas.run.provenance import check_versions
from evonas.spaces import Space
from evonas.workflows.picks import pick, select, single
from objectives.held_out import COMPLEMENTS
from reports.pages.page import write_reports
from reports.run_folder.folder import NotARunFolderError, RunFolder
from reports.tables.trainings import ClassResults, class_results, class_table, confusion_table

if TYPE_CHECKING:  # these load torch, which a table of results does not need
    from evonas.export.c.targets.simulate import Simulation
    from evonas.nets.network import Network
    from evonas.workflows.export_picks import Verification
    from evonas.workflows.train_picks import Training

WORKFLOWS = "evonas.workflows."
"""Where the workflows lie that need torch; each is loaded when it is called."""


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

    @cached_property
    def context(self) -> RunContext:
        """What the run works with, opened when it is first needed, and compared with what the run was started with.

        Raises:
            RunFolderError: Settings, files, space or images have changed.
        """
        return reopen(self.folder, space=self.space, has_versions=False)

    def front(self, *, where: str | None = None, sort: str | None = None) -> pd.DataFrame:
        """The Pareto front: ``id``, ``genome`` and every measure in its own unit, smallest error first.

        A user's own function has no error: the best by its first objective come first, and each of its parameters has a
        column, in its own type; see :func:`reports.tables.front.front_table`.

        Args:
            where: A condition such as ``"model_size < 8KiB and error < 5%"``; see :func:`reports.tables.query.where`.
            sort: Columns joined by commas, such as ``"model_size"``; ``"-model_size"`` from large to small.

        Raises:
            SelectionError: A condition or column that cannot be read, and what is allowed.
        """
        return select(self.folder, where=where, sort=sort)

    def evaluations(self) -> pd.DataFrame:
        """Every evaluation, random search's too (see the column ``origin``).

        A network that was valued again, by a supernet that grew or other anchors, has one row per ``stage``; the
        last stage counts.
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

    def classes(self, which: str = "knee") -> pd.DataFrame:
        """What a network reaches class by class: on the test set by its newest :meth:`train`, or held-out images.

        Args:
            which: A pick of a single network, see :meth:`pick`; it must have been trained by the whole recipe.

        Returns:
            Columns ``class``, ``images``, ``recall``, ``precision``, ``f1``; see
            :func:`reports.tables.trainings.class_table`.

        Raises:
            SelectionError: It names no network or several, or one that was not trained.
        """
        return class_table(self._class_results(which))

    def confusion(self, which: str = "knee") -> pd.DataFrame:
        """Images of each class, by row, that a network took for each class, by column; see :meth:`classes`."""
        return confusion_table(self._class_results(which))

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
            seeds: One training per seed.
            epochs: Instead of the run file's.
            overrides: Keys of [training] and [compute] instead of the run file's, a dict per section.
            workers: Processes; instead of the run file's.
            observer: Receives progress updates.
        """
        train_picks = resolve(WORKFLOWS + "train_picks:train_picks")
        observer = observer or Silent()
        picks = self.pick(which)
        context = self._changed(overrides, epochs=epochs)
        observer.phase("training in full", total=len(picks) * len(seeds))
        trainings: list[Training] = []
        for training in train_picks(self.folder, context, picks, seeds=seeds, workers=workers):
            trainings.append(training)
            observer.advance(
                len(trainings), note=f"test {COMPLEMENTS[training.quality]} {100 * training.reached:.2f} %"
            )
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
        """Compare the run's estimates with trainings from scratch; see :func:`evonas.workflows.trust.measure_trust`."""
        measure_trust = resolve(WORKFLOWS + "trust:measure_trust")
        context = self._changed(None, epochs=epochs)
        table: pd.DataFrame = measure_trust(
            self.folder, context, networks=networks, seeds=seeds, workers=workers, observer=observer
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
        load_trained = resolve(WORKFLOWS + "trained:load_trained")
        network: Network = load_trained(self.folder, self.context, evaluation, seed=seed, recipe=recipe).network
        return network

    def export(
        self,
        which: str = "knee",
        *,
        format_name: str = "onnx",
        seed: int = 0,
        recipe: str = "",
        out: str | Path | None = None,
        name: str = "",
        package: str = "",
        input_layout: str = "",
    ) -> list[Path]:
        """Write trained picks to files that run elsewhere; see :func:`evonas.workflows.export_picks.export_picks`."""
        export_picks = resolve(WORKFLOWS + "export_picks:export_picks")
        picks = self.pick(which)
        if self.folder.facts().is_table:
            raise no_networks(self.folder.settings["space"]["kind"])
        return list(
            export_picks(
                self.folder,
                self.context,
                picks,
                format_name=format_name,
                seed=seed,
                recipe=recipe,
                out=None if out is None else Path(out),
                name=name,
                package=package,
                input_layout=input_layout,
            )
        )

    def verify(self, path: str | Path, *, images: int | None = None) -> Verification:
        """Compare an exported file with its network; see :func:`evonas.workflows.export_picks.verify`."""
        verified: Verification = resolve(WORKFLOWS + "export_picks:verify")(
            Path(path), self.folder, self.context, images=images
        )
        return verified

    def verify_on_target(self, path: str | Path, target: str, *, images: int = 20) -> Simulation:
        """Run exported C on a simulated microcontroller; see :func:`evonas.workflows.export_picks.verify_on_target`."""
        simulated: Simulation = resolve(WORKFLOWS + "export_picks:verify_on_target")(
            Path(path), self.folder, self.context, target=target, images=images
        )
        return simulated

    def report(self) -> Path:
        """Write front, figures and page anew, from what is stored: nothing that the run names is loaded.

        Returns:
            The page's path.
        """
        return write_reports(self.folder)

    def _class_results(self, which: str) -> ClassResults:
        row = single(self.folder, which)
        found = class_results(self.folder, str(row["genome"]))
        if found is None:
            raise SelectionError(
                "a network that was trained by the whole recipe",
                found=f"{self.folder.facts().noun} {row['id']}, which was not",
                remedy=f"train it: evonas train {self.path} --pick {row['id']}",
            )
        return found

    def _changed(self, overrides: Mapping[str, Mapping[str, Any]] | None, *, epochs: int | None) -> RunContext:
        """The context with other keys of the run file, for adding something to the run."""
        changed = {section: dict(keys) for section, keys in (overrides or {}).items()}
        if epochs is not None:
            changed["training"] = {**changed.get("training", {}), "epochs": epochs}
        check_versions(self.folder)
        return self.context.overridden(self.folder, changed)


def open_run(path: Path, *, space: Space | None = None) -> Run:
    """Open a run folder.

    Args:
        path: The folder.
        space: Its search space, if the run was started with an object.

    Raises:
        RunFolderError: It holds no run, or one of another version.
    """
    try:
        folder = RunFolder(path)
        folder.facts()  # read once, so that invalid ones raise an error here
    except NotARunFolderError as error:
        raise RunFolderError(
            "a run folder, as evonas search makes it", found=str(error), remedy=error.remedy
        ) from error
    return Run(folder, space)
