"""The run file's ``[training]``: how a chosen network is trained."""

from __future__ import annotations

import json
from typing import Literal, Self

from pydantic import Field, model_validator

from evonas.spaces.settings import MOST, Count, Settings

# Keys that only whole trainings use: short training runs and `evonas trust` start from random weights, have no teacher
# and are too short to be compiled; a log changes no result.
OF_FULL_TRAININGS = ("initial_weights", "distillation", "temperature", "compile")
WITHOUT_EFFECT = ("tensorboard",)


class TrainingConfig(Settings):
    """[training]: how a network is trained as a whole, by ``evonas train`` and within a search."""

    epochs: Count = Field(30, description="passes over the images")
    batch_size: int = Field(64, ge=2, le=MOST, description="images per step")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="adamw, sgd")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    nesterov: bool = Field(True, description="whether sgd looks ahead by its momentum")
    learning_rate: float = Field(4e-2, gt=0, le=100, description="at its highest")
    schedule: Literal["cosine", "one-cycle"] = Field(
        "one-cycle",
        description="of the learning rate: a short warm-up and a cosine decay, or a rise over 30 % and a decay",
    )
    weight_decay: float = Field(
        1e-4, ge=0, le=100, description="on kernels only; decoupled, but an L2 penalty with sgd"
    )
    two_stage: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the steps in which weights stay float and only activations are quantized, before both "
        "are, each part with a learning-rate schedule of its own (Martinez 2020, ReActNet); 0: all at once",
    )
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="share of the target spread over all classes")
    balance: Literal["none", "weights", "sampling"] = Field(
        "none",
        description="of unbalanced classes, in all trainings, the supernet's too: weights lets an image count n / "
        "(classes x n of its class) in the loss, sampling draws all classes equally often; none: images as they are",
    )
    cutout: int = Field(
        0,
        ge=0,
        le=10_000,
        description="augmentation besides data.shift and data.flip: side in pixels of a square of zeros; 0: none",
    )
    calibration_images: int = Field(
        2000, ge=2, le=MOST, description="training images that set the batch norm's statistics at the end"
    )
    initial_weights: Literal["random", "inherited"] = Field(
        "random", description="in whole trainings: random, or inherited from the run's supernet"
    )
    distillation: float = Field(
        0.0,
        ge=0,
        le=1,
        description="in whole trainings: weight of the distance to the outputs of a twin in full precision, trained "
        "first by the same recipe; the labels get the rest; 0: no twin",
    )
    temperature: float = Field(
        4.0, gt=0, le=1000, description="softens the outputs of twin and network for that distance"
    )
    compile: Literal["auto", True, False] = Field(
        False,
        description="in whole trainings: whether torch.compile speeds steps up, which moves the last digits of "
        "results; auto: where it saves more time than it takes",
    )
    tensorboard: bool = Field(
        False, description="whether evonas train logs loss and learning rate for TensorBoard, in the run's tensorboard/"
    )

    @model_validator(mode="after")
    def _momentum_to_look_ahead_by(self) -> Self:
        if self.optimizer == "sgd" and self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum above 0; set nesterov = false")
        return self

    @property
    def _plain(self) -> tuple[str, ...]:
        """Keys that are named in no recipe unless they are set, so that earlier trainings without them still count."""
        return ("balance",) if self.balance == "none" else ()

    @property
    def short_recipe(self) -> str:
        """The keys that short training runs and ``evonas trust`` use, as JSON text: it identifies their results."""
        return self.model_dump_json(exclude={*OF_FULL_TRAININGS, *WITHOUT_EFFECT, *self._plain})

    def full_recipe(self, **facts: str) -> str:
        """All that identifies a training of ``evonas train``, with facts from elsewhere, as JSON text.

        ``compile`` must be decided. Keys without effect, given the others, have their defaults.
        """
        assert self.compile != "auto"
        idle = ["momentum", "nesterov"] * (self.optimizer != "sgd") + ["temperature"] * (not self.distillation)
        defaults = {key: type(self).model_fields[key].default for key in idle}
        return json.dumps({**self.model_dump(exclude={*WITHOUT_EFFECT, *self._plain}), **defaults, **facts})

    def of_twin(self) -> Self:
        """The recipe by which a network's twin in full precision is trained."""
        changed = ("two_stage", "initial_weights", "distillation", "temperature")
        return self.model_copy(update={key: type(self).model_fields[key].default for key in changed})
