"""Train a run's supernet, or take it as it lies on disk."""

from __future__ import annotations

from evonas.early_stop import early_stop
from evonas.errors import EvaluationError, RunFolderError
from evonas.progress import Observer
from evonas.provenance import file_hash
from evonas.seeding import numpy_rng, torch_generator
from evonas.setup import Setup
from evonas.strategies import STRATEGIES
from evonas.training.data import batches
from evonas.workbench import SUPERNET, UNFINISHED_SUPERNET, Checkpoint, build_supernet, save_weights
from reports.run_folder import RunFolder
from surrogates.one_shot.training import CheckpointError, train


def trained_supernet(run: RunFolder, setup: Setup, observer: Observer) -> Checkpoint:
    """The run's supernet; trained now unless that was done.

    Raises:
        RunFolderError: Training cannot go on from its checkpoint.
        EvaluationError: The loss is no longer finite.
    """
    path = run.path / SUPERNET
    if run.meta("supernet") is None:
        if not path.is_file():
            _train(run, setup, observer)
        run.set_meta("supernet", file_hash(path))
    return Checkpoint(SUPERNET, run.meta("supernet"))


def _train(run: RunFolder, setup: Setup, observer: Observer) -> None:
    config, data, space = setup.config, setup.data, setup.network_space
    assert data is not None
    settings = config.supernet
    supernet = build_supernet(config, space)
    rng = numpy_rng(config.seed, "supernet paths")
    unfinished = run.path / UNFINISHED_SUPERNET
    observer.phase("training the supernet", total=settings.steps)
    try:
        steps = train(
            supernet,
            STRATEGIES[settings.strategy](space, rng, settings.paths),
            batches=batches(
                data.train,
                batch_size=settings.batch_size,
                shift=config.data.shift,
                flip=config.data.flip,
                generator=torch_generator(config.seed, "supernet batches"),
            ),
            steps=settings.steps,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            is_two_pass=settings.is_two_pass,
            early_stop=early_stop(run, config, data=data, space=space, supernet=supernet),
            checkpoint=unfinished,
            on_step=lambda step, loss: observer.advance(step, note=f"loss {loss:.2f}"),
        )
    except CheckpointError as error:
        raise RunFolderError(
            f"the checkpoint that training wrote to {unfinished}",
            found=str(error),
            remedy="delete that file; training then starts over",
        ) from error
    except FloatingPointError as error:
        raise EvaluationError(
            "a supernet that trains", found=str(error), remedy="lower learning_rate under [supernet] and start anew"
        ) from error
    run.set_meta("supernet_steps", steps)
    run.set_meta("warnings", supernet.warnings())
    save_weights(supernet, run.path / SUPERNET)
    unfinished.unlink(missing_ok=True)
