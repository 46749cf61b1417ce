"""What is true of the CUDA module on every machine, most of all on one without a GPU."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rankme
from command import DOCSTRINGS, error_line, run
from gpu import BUILT, needs_build
from helpers import output_of, run_python

# A process that sees no GPU, whatever the machine has.
BLIND = {"CUDA_VISIBLE_DEVICES": ""}


def test_the_answers_agree_and_never_fail():
    available, count = rankme.cuda.is_available(), rankme.cuda.device_count()
    assert available is (count > 0)
    assert len(rankme.cuda.devices()) == count
    section = rankme.show_config("dicts")["cuda"]
    assert section["available"] is available
    assert ("reason" in section) is not available


def test_without_a_gpu_the_answer_is_no():
    code = """
import rankme
print(rankme.cuda.is_available(), rankme.cuda.device_count(), rankme.cuda.devices())
print(rankme.show_config("dicts")["cuda"]["reason"])
"""
    answer, reason = output_of(code, **BLIND).splitlines()
    assert answer == "False 0 []"
    if BUILT:
        assert reason in ("no NVIDIA driver", "no GPU is visible")
    else:
        assert "RANKME_CUDA=ON" in reason


def test_importing_loads_no_cuda():
    code = """
import sys
import numpy as np
import rankme
rankme.score(np.eye(3))
acc = rankme.Accumulator(3)
acc.update(np.eye(3))
acc.copy().score()
maps = open("/proc/self/maps").read()
print("rankme._cuda" in sys.modules, [n for n in ("cublas", "cusolver", "libcuda") if n in maps])
"""
    assert output_of(code) == "False []\n"


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "cuda:01", "cuda:1 ", "CPU", ""])
def test_names_of_devices_that_mean_nothing(device, tmp_path):
    message = f"device must be 'cpu', 'cuda' or 'cuda:1' and so on, not {device!r}"
    acc = rankme.Accumulator(3)
    acc.save(tmp_path / "a")
    for call in (
        lambda: rankme.score(np.eye(3), device=device),
        lambda: rankme.spectrum(np.eye(3), device=device),
        lambda: rankme.Accumulator(3, device=device),
        lambda: rankme.Accumulator.load(tmp_path / "a", device=device),
        lambda: acc.copy(device=device),
    ):
        with pytest.raises(ValueError, match="^" + message.replace("(", r"\(") + "$"):
            call()


@pytest.mark.parametrize("device", [0, b"cpu", ("cuda", 1)])
def test_devices_that_are_no_strings(device):
    for call in (
        lambda: rankme.score(np.eye(3), device=device),
        lambda: rankme.Accumulator(3, device=device),
    ):
        with pytest.raises(TypeError, match="device must be a string such as 'cpu'"):
            call()


def test_precision_is_checked():
    with pytest.raises(ValueError, match="precision must be 'float64' or 'fast', not 'tf32'"):
        rankme.Accumulator(3, precision="tf32")
    with pytest.raises(ValueError, match="'fast' is for method='gram'"):
        rankme.Accumulator(3, method="qr", precision="fast", device="cuda")
    with pytest.raises(ValueError, match="'fast' is for method='gram'"):
        rankme.score(np.eye(3), method="qr", precision="fast")


def test_the_cpu_may_be_named():
    z = np.random.default_rng(0).standard_normal((50, 6))
    acc = rankme.Accumulator(6, device="cpu", precision="float64")
    acc.update(z)
    assert (acc.device, acc.precision) == ("cpu", "float64")
    assert acc.copy(device="cpu").score() == acc.score()
    assert rankme.score(z, device="cpu") == rankme.score(z)
    assert rankme.spectrum(z, device="cpu").precision == "float64"
    again = pickle.loads(pickle.dumps(acc))
    assert (again.device, again.score()) == ("cpu", acc.score())


USE_A_GPU = """
import numpy as np
import rankme
acc = rankme.Accumulator(3)
acc.update(np.eye(3))
for call in (
    lambda: rankme.Accumulator(3, device="cuda"),
    lambda: rankme.Accumulator(3, device="cuda:1", method="qr"),
    lambda: rankme.score(np.eye(3), device="cuda"),
    lambda: rankme.score(np.eye(3), device="cuda", method="qr"),
    lambda: acc.copy(device="cuda"),
):
    try:
        call()
    except (ImportError, RuntimeError, ValueError) as error:
        print(type(error).__name__, error)
print(acc.n_rows, round(acc.score(eps=0), 6))
"""


def test_asking_for_a_gpu_that_is_not_there_says_why():
    *said, rest = output_of(USE_A_GPU, **BLIND).splitlines()
    assert rest == "3 3.0"
    assert len(said) == 5
    for line in said:
        if BUILT:
            assert line.startswith("RuntimeError there is no GPU to compute on: ")
        else:
            assert line.startswith("ImportError device='cuda:")
            assert "RANKME_CUDA=ON" in line


def test_the_command_says_it_in_one_line():
    done = run("score", "--device", "cuda", DOCSTRINGS, **BLIND)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cuda cannot be used: " in error_line(done)
    done = run("score", "--device", "gpu", DOCSTRINGS)
    assert done.returncode == 2
    assert "device must be 'cpu', 'cuda' or 'cuda:1'" in error_line(done)
    done = run("bench", "--gpu", **BLIND)
    assert done.returncode == 2
    assert "--gpu: " in error_line(done)
    on_cpu = run("score", "--device", "cpu", DOCSTRINGS)
    assert on_cpu.stdout == run("score", DOCSTRINGS).stdout


def test_the_command_lists_it():
    text = run("info").stdout
    assert "\ncuda:\n  available: " in text


ANOTHER_VERSION = """
import importlib.machinery, sys, types
import numpy as np
import rankme
other = types.ModuleType("rankme._cuda")
other.__spec__ = importlib.machinery.ModuleSpec("rankme._cuda", None)
other.__version__ = "0.0.1"
other.device_count = lambda: 1
sys.modules["rankme._cuda"] = other
print(rankme.cuda.is_available(), rankme.show_config("dicts")["cuda"]["reason"])
try:
    rankme.score(np.eye(3), device="cuda")
except ImportError as error:
    print(error)
print(round(rankme.score(np.eye(3)), 6))
"""


def test_a_module_of_another_version_is_refused():
    told = (
        f"the CUDA module is of rankme 0.0.1, and this is rankme {rankme.__version__}: "
        "install the two of one version"
    )
    available, refused, score = output_of(ANOTHER_VERSION).splitlines()
    assert available.startswith(f"False {told}")
    assert refused.startswith(f"device='cuda:0': {told}")
    assert score == "3.0"


# ---- with the module ---------------------------------------------------------------------------


@needs_build
def test_the_module_loads_without_a_driver_and_names_its_libraries():
    code = """
from rankme._base.cuda_loader import cuda_module
module = cuda_module()
print(module.device_count(), sorted(module.library_versions().items()))
import rankme
print(module.__version__ == rankme.__version__)
"""
    versions, same = output_of(code, **BLIND).splitlines()
    assert same == "True"
    assert versions.startswith("0 [")
    assert "('cublas', '13." in versions
    assert "('cusolver', '12." in versions


@needs_build
def test_missing_libraries_are_named_with_the_cure(tmp_path):
    # The package beside NumPy alone: none of the CUDA packages is in reach.
    package = Path(rankme.__file__).parent
    installed = Path(os.path.dirname(rankme._core.__file__))  # noqa: PTH120
    site = tmp_path / "site"
    shutil.copytree(package, site / "rankme", ignore=shutil.ignore_patterns("__pycache__"))
    for file in installed.glob("*.so*"):
        shutil.copy(file, site / "rankme")
    numpy = Path(np.__file__).parent
    for name in ("numpy", "numpy.libs"):
        if (numpy.parent / name).exists():
            (site / name).symlink_to(numpy.parent / name)
    code = f"""
import sys
sys.path.insert(0, {str(site)!r})
import rankme
print(rankme.cuda.is_available())
try:
    rankme.Accumulator(3, device="cuda")
except ImportError as error:
    print(error)
"""
    # -S: no site-packages.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    available, message = done.stdout.splitlines()
    assert available == "False"
    assert "device='cuda:0': the CUDA module cannot be loaded: lib" in message
    assert "cannot open shared object file" in message
    assert 'pip install "rankme[cuda13]" brings cuBLAS and cuSOLVER' in message


@needs_build
def test_the_module_carries_no_blas():
    # A second copy of the state that holds OpenBLAS's threads would not know of the first.
    code = """
from rankme._base.cuda_loader import cuda_module
print(cuda_module().__file__)
"""
    path = output_of(code, **BLIND).strip()
    assert b"openblas" not in Path(path).read_bytes()


@needs_build
def test_a_second_copy_of_cublas_is_not_loaded():
    code = """
import ctypes, importlib.util, pathlib
folder = pathlib.Path(importlib.util.find_spec("nvidia").submodule_search_locations[0])
for name in ("libcublasLt.so.13", "libcublas.so.13"):
    ctypes.CDLL(str(folder / "cu13" / "lib" / name))
from rankme._base.cuda_loader import cuda_module
cuda_module()
maps = {line.split()[-1] for line in open("/proc/self/maps") if "libcublas.so" in line}
print(len(maps))
"""
    assert output_of(code, **BLIND) == "1\n"


def test_a_bad_pythonpath_is_no_reason_to_fail():
    done = run_python("import rankme; print(rankme.cuda.is_available())", PYTHONPATH="/nowhere")
    assert done.stdout in ("True\n", "False\n"), done.stderr
