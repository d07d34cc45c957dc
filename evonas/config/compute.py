"""The run file's ``[compute]``: where the work is done."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from evonas.spaces.settings import Settings

MOST_WORKERS = 1024


class ComputeConfig(Settings):
    """[compute]: where the work is done. The number of workers changes results in asynchronous mode only."""

    workers: int = Field(
        0, ge=0, le=MOST_WORKERS, description="processes that evaluate networks, one thread each; 0: one per core"
    )
    backend: Literal["loky", "threading", "dask"] = Field(
        "loky", description="loky: processes on this machine; threading; dask: a cluster, see docs/guide/scaling.md"
    )
    scheduler: str = Field("", description='address of the Dask scheduler, such as "tcp://10.0.0.1:8786"')
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="device that trains supernets and, in evonas train, networks; on a GPU in bf16 with channels last, "
        "where results differ from those of a CPU and between two runs; auto: a GPU if there is one",
    )

    @model_validator(mode="after")
    def _scheduler_of_a_cluster(self) -> Self:
        if (self.backend == "dask") != bool(self.scheduler):
            raise ValueError('backend = "dask" and scheduler go together: the address that dask scheduler prints')
        return self
