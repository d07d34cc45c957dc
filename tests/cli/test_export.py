"""`evonas export` and `evonas verify` as a user runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from evonas.export.bundle import read_export, sealed_files, write_files
from evonas.export.formats import FORMATS
from evonas.export.seal import seal
from evonas.training.datasets import dataset
from evonas.workflows.run_handle import Run, open_run
from tests.cli.conftest import Here
from tests.support.run_folders import copied


@pytest.fixture(scope="module")
def trained(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose knee was trained; files are exported into it."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    copied(finished.path, folder)
    open_run(folder).train("knee", epochs=1)
    return folder


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "openvino"])
def test_an_exported_file_is_verified_against_its_network(trained: Path, form: str, here: Here) -> None:
    exported = here("export", trained, "--format", form)
    assert exported.returncode == 0, exported.stderr
    (path,) = (trained / "exports").glob(f"*-seed0-????????{FORMATS[form].suffix}")
    assert f"{path}: {path.stat().st_size:,} bytes" in exported.stdout
    verified = here("verify", path, "--images", 20)
    assert verified.returncode == 0, verified.stderr
    assert f"{form}, 20 test images" in verified.stdout
    is_exact = FORMATS[form].is_exact
    assert ("largest difference of logits 0\n" in verified.stdout) or not is_exact
    assert ("not the network to the bit, as --format onnx is" in verified.stdout) == (not is_exact)
    assert "warning" not in verified.stdout


def test_a_network_of_two_recipes_is_exported_by_the_one_that_is_named(
    trained: Path, here: Here, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    first = Path(open_run(folder).folder.trainings()["weights"].iloc[0]).stem.rpartition("-")[2]
    out = tmp_path / "net.safetensors"
    here("export", folder, "--format", "torch", "--out", out)
    open_run(folder).train("knee", epochs=2)
    refused = here("export", folder, "--format", "torch")
    assert refused.returncode == 2
    assert f"{first} (1 epochs" in refused.stderr
    assert here("export", folder, "--format", "torch", "--recipe", first).returncode == 0
    assert here("verify", out, "--run", folder).returncode == 0  # a file knows which training it is of


def test_the_images_are_read_once_for_all_picks(
    finished: Run, here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = open_run(copied(finished.path, tmp_path / "run"))
    run.train("all", epochs=1)
    sources, read = [], dataset.read
    monkeypatch.setattr(dataset, "read", lambda source, settings: sources.append(source) or read(source, settings))
    exported = here("export", run.path, "--pick", "all", "--format", "torch")
    assert exported.stdout.count("next:") == len(run.front()) > 1
    assert sources == ["digits"]


def test_weights_that_were_altered_are_refused_and_trained_again(trained: Path, here: Here, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "run")
    (weights,) = (path for path in (folder / "nets").glob("*/*.safetensors") if path.parent.name != "search")
    raw = weights.read_bytes()
    weights.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    refused = here("export", folder, "--format", "torch")
    assert refused.returncode == 2
    assert "train it again: evonas train" in refused.stderr
    open_run(folder).train("knee", epochs=1)
    assert here("export", folder, "--format", "torch").returncode == 0


def test_a_c_file_that_says_something_else_is_not_run(trained: Path, here: Here, tmp_path: Path) -> None:
    out = tmp_path / "net.c"
    here("export", trained, "--format", "c", "--out", out)
    digest = re.compile(rb"(?<=evonas-sha256:)[0-9a-f]{64}")
    altered = digest.sub(b"0" * 64, out.read_bytes()).replace(b"return fflush(stdout)", b"return fflush(stdin)")
    out.write_bytes(seal(altered))
    result = here("verify", out, "--run", trained)
    assert result.returncode == 2
    assert "it is not run" in result.stderr


def test_mistakes_are_told_in_three_lines(finished: Run, trained: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"not ours")
    exported = here("export", trained, "--format", "torch", "--out", tmp_path / "net.safetensors")
    assert "--run" in exported.stdout
    table = finished.evaluations()
    untrained = table.loc[table["fidelity"] == "inherited", "id"].iloc[0]
    for arguments, told in (
        (("verify", tmp_path / "net.safetensors"), "say where it is: --run FOLDER"),
        (("export", finished.path, "--pick", untrained), "train it first: evonas train"),
        (("export", trained, "--format", "onx"), "did you mean 'onnx'?"),
        (("export", trained, "--name", "digits"), "say --format c"),
        (("export", trained, "--format", "c", "--name", "my-digits"), "use letters, digits and underscores"),
        (("export", trained, "--format", "c", "--package", "ardiuno"), "did you mean 'arduino'?"),
        (("export", trained, "--format", "c", "--package", "arduino", "--out", "a.c"), "a folder or a .zip"),
        (("export", trained, "--format", "c", "--out", "a.h"), "a file .c, a folder or a .zip"),
        (("export", trained, "--format", "c", "--pick", "all", "--name", "digits"), "one network for --name"),
        (("verify", tmp_path / "net.safetensors", "--run", trained, "--target", "rv32"), "export it with --format c"),
        (("export", trained, "--pick", "all", "--out", tmp_path / "x.onnx"), "one network for --out"),
        (("verify", tmp_path / "nowhere.onnx"), "check the path"),
        (("verify", tmp_path / "other.onnx"), "no seal of evonas"),
    ):
        result = here(*arguments)
        assert result.returncode == 2
        assert told in result.stderr
        assert len(result.stderr.splitlines()) == 4


def test_c_is_a_library_that_is_verified_here_and_on_a_microcontroller(
    trained: Path, here: Here, tmp_path: Path
) -> None:
    exported = here("export", trained, "--format", "c", "--name", "digits", "--input-layout", "hwc")
    assert exported.returncode == 0, exported.stderr
    path = trained / "exports" / "digits"
    n_bytes = sum(file.stat().st_size for file in path.iterdir())
    assert f"{path}: {n_bytes:,} bytes in 8 files" in exported.stdout
    assert '"0", "1", "2"' in (path / "digits.h").read_text()  # names of the classes
    assert "held out from training" in (path / "README.md").read_text()
    verified = here("verify", path, "--images", 20)
    assert "largest difference of logits 0\n" in verified.stdout
    zipped = tmp_path / "a.zip"
    here("export", trained, "--format", "c", "--package", "arduino", "--out", zipped)
    assert "largest difference of logits 0\n" in here("verify", zipped, "--run", trained, "--images", 20).stdout
    if shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm"):
        measured = here("verify", path, "--target", "cortex-m4", "--images", 2)
        assert measured.returncode == 0, measured.stderr
        assert "2 test images: logits equal to the bit" in measured.stdout
        assert "self-test passed" in measured.stdout
        assert re.search(r"RAM: +[\d,]+ bytes: [\d,]+ arena", measured.stdout)
        assert re.search(r"\n +classifier +[\d,]+ +[\d.]+%", measured.stdout)
    resealed = {name: raw.replace(b"argmax", b"argmin") for name, raw in read_export(path).files.items()}
    shutil.rmtree(path)
    write_files(sealed_files(resealed, format_name="c", facts=read_export(zipped).facts), path)
    refused = here("verify", path, "--target", "cortex-m4")
    assert refused.returncode == 2
    assert "it is not run" in refused.stderr


def test_two_networks_fit_into_one_program(finished: Run, here: Here, tmp_path: Path) -> None:
    folder = copied(finished.path, tmp_path / "run")
    ids = [str(one) for one in finished.front()["id"][:2]]
    exported = here("export", folder, "--format", "c", "--pick", ",".join(ids))
    assert exported.returncode == 0, exported.stderr
    files = sorted((folder / "exports").glob("*.c"))
    (tmp_path / "main.c").write_text("int main(void) { return 0; }")
    if shutil.which("gcc"):
        subprocess.run(["gcc", *files, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    assert {re.findall(r"\nint (\w+)_run\(", path.read_text())[0] for path in files} == {f"net{one}" for one in ids}
