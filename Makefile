# One command to score real embeddings, one to test; needs make, Python >= 3.10 and a C++20 compiler.
#
#   make demo       build, install into .venv, score the two sets in tests/data
#   make test       C++ tests under ctest, then pytest against the installed package
#   make test-library  the core installed as a C++ library, and examples/cpp linked with it
#   make lint       ruff, mypy, clang-format, codespell, validate-pyproject
#   make sanitize   the C++ tests under the address+undefined and the thread sanitizer
#   make fuzz       random objects into a _core that is built with the address sanitizer
#   make test-cuda  the CUDA module: built, and tested as far as there is a GPU
#   make docs       the documentation, as HTML in build/docs; a warning or a broken link is an error
#   make bench      every competitor on this machine, into bench/results
#   make wheels     wheels for every Linux with glibc 2.28, repaired and tried alone, into dist
#   make wheels-cuda  the CUDA module as a wheel of its own, tried beside that of dist, into dist
#   make test-wheel both suites on the wheel of dist for this Python, and its C++ build
#   make release    what a release consists of, checked, and what is left to do
#   make develop    editable install: Python edits take effect at once, C++ edits by any target
#   make clean      remove what was built; make distclean removes .venv as well

# Older ones, macOS's for example, know no .SHELLFLAGS and would go on after a failed command.
ifeq ($(filter 3.82 4.% 5.%,$(MAKE_VERSION)),)
$(error this Makefile takes GNU make 3.82 or later, not $(MAKE_VERSION); macOS: brew install make, then gmake)
endif

PYTHON ?= python3
VENV   ?= .venv

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:

BIN    := $(abspath $(VENV))/bin
STAMPS := $(VENV)/stamps
export PATH := $(BIN):$(PATH)

# Directories are listed too: their times tell of files that were removed.
SOURCES   := $(shell find cpp cuda cmake python -name __pycache__ -prune -o -name '*.md' -o -print) \
             CMakeLists.txt pyproject.toml
CXX_FILES := $(shell find cpp cuda python/bindings tests/cpp tests/cuda -name '*.[ch]pp' -o -name '*.cu' -o -name '*.cuh')

.PHONY: demo test test-cpp test-python test-cuda test-library test-wheel wheels wheels-cuda release sanitize asan tsan fuzz bench docs develop clean \
        distclean \
        lint lint-ruff lint-format lint-mypy lint-clang-format lint-codespell lint-pyproject

demo: $(STAMPS)/package
	$(BIN)/rankme score tests/data/*.npy

test: test-cpp test-python

# -DPython_EXECUTABLE: the interpreter that has scipy-openblas32.
test-cpp: $(STAMPS)/build
	cmake --preset dev -DPython_EXECUTABLE=$(BIN)/python
	cmake --build --preset dev
	ctest --preset dev

# Another program's way to the core, from the build of the C++ tests: installed, found and linked.
test-library: test-cpp
	rm -rf build/library
	cmake --install build/dev --component development --prefix build/library/prefix
	cmake -S examples/cpp -B build/library/example -G Ninja \
	    -DCMAKE_PREFIX_PATH=$(abspath build/library/prefix)
	cmake --build build/library/example
	build/library/example/score

# One process of pytest more than the smallest machine of CI has cores: many tests wait for what they
# started. A file stays in one process: its fixtures, engines among them, start once, and the slow ones
# come first. PYTEST_PROCESSES=0 runs all in one.
PYTEST_PROCESSES ?= 3
test-python: $(STAMPS)/package $(STAMPS)/test
	$(BIN)/python -m pytest -n $(PYTEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# The C++ tests are built with the module, so that the sources are compiled once.
# Other GPUs than these: make test-cuda CUDA_ARCHITECTURES=native. One makes a short build.
CUDA_ARCHITECTURES ?= 90-real
test-cuda: $(STAMPS)/build $(STAMPS)/test $(STAMPS)/cuda-build
	RANKME_CUDA=ON $(BIN)/python -m pip install --quiet --no-build-isolation \
	    --config-settings=build-dir=build/cuda --config-settings=cmake.define.RANKME_TESTS=ON \
	    "--config-settings=cmake.define.RANKME_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES)" \
	    $(if $(wildcard $(STAMPS)/editable),--editable) .
	touch $(STAMPS)/package
	ctest --test-dir build/cuda --parallel 2 --output-on-failure --no-tests=error
	RANKME_GPU_TESTS=built $(BIN)/python -m pytest tests/python/cuda $(PYTEST_ARGS)

sanitize: asan tsan

asan: $(STAMPS)/build
	cmake --preset asan -DPython_EXECUTABLE=$(BIN)/python
	cmake --build --preset asan
	ctest --preset asan

# The thread sanitizer of older compilers cannot place its shadow memory where the kernel randomises
# addresses widely. Containers may forbid setarch; the tests then run as they are.
tsan: NO_ASLR = $(shell setarch -R true 2>/dev/null && echo setarch -R)
tsan: $(STAMPS)/build
	cmake --preset tsan -DPython_EXECUTABLE=$(BIN)/python
	cmake --build --preset tsan
	$(NO_ASLR) ctest --preset tsan

# The Python files and the sanitized _core lie in a folder of their own, and -S keeps the installed
# rankme, which an editable install would put first, off the path. The interpreter itself is not
# instrumented, so the sanitizer's runtime is loaded before it; what an interpreter leaves allocated
# at its end is no leak of ours, and looking for leaks is switched off. Debug, since optimising
# pybind11's code with the sanitizer in it takes longer than all the cases. Without the CUDA module,
# which would ask for a GPU before an array is looked at.
FUZZ_CASES ?= 10000
FUZZ_SEED  ?= 0
FUZZ_SITE  := build/fuzz-site
fuzz: $(STAMPS)/build $(STAMPS)/test
	RANKME_CUDA=OFF $(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --upgrade \
	    --target $(FUZZ_SITE) --config-settings=build-dir=build/fuzz \
	    --config-settings=cmake.build-type=Debug \
	    --config-settings=cmake.define.RANKME_SANITIZE=address .
	LD_PRELOAD="$$($${CXX:-c++} -print-file-name=libasan.so) $$($${CXX:-c++} -print-file-name=libstdc++.so)" \
	    ASAN_OPTIONS=detect_leaks=0 OPENBLAS_NUM_THREADS=2 \
	    PYTHONPATH=$(FUZZ_SITE):tests/python/support:$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))') \
	    $(BIN)/python -S tests/fuzz/fuzz_entry.py $(FUZZ_CASES) --seed $(FUZZ_SEED)

# One target a tool, so that `make -k lint` tells all that is wrong.
lint: lint-ruff lint-format lint-mypy lint-clang-format lint-codespell lint-pyproject

lint-ruff: $(STAMPS)/lint
	$(BIN)/ruff check

lint-format: $(STAMPS)/lint
	$(BIN)/ruff format --check

# It looks into what the benchmark imports, so that its verdict is the same everywhere.
lint-mypy: $(STAMPS)/lint $(STAMPS)/package $(STAMPS)/bench
	$(BIN)/mypy

lint-clang-format: $(STAMPS)/lint
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)

lint-codespell: $(STAMPS)/lint
	$(BIN)/codespell

# The group `build` holds the plugin that checks [tool.scikit-build].
lint-pyproject: $(STAMPS)/lint $(STAMPS)/build
	$(BIN)/validate-pyproject pyproject.toml packaging/cuda13/pyproject.toml

# -E and without the pages of the last build: what was renamed or removed leaves nothing behind.
docs: $(STAMPS)/package $(STAMPS)/docs
	rm -rf docs/reference/api
	$(BIN)/python -m sphinx -E -n -W --keep-going --quiet -b html docs build/docs

bench: $(STAMPS)/package $(STAMPS)/bench
	$(BIN)/rankme bench --output bench/results

# One of them: make wheels PYTHONS=3.11. Without PYTHONS, all supported ones that are here.
PYTHONS ?=
wheels:
	cmake/manylinux/wheels.sh . $(PYTHONS)

# After `make wheels`. A quick one: make wheels-cuda PYTHONS=3.11 WHEEL_ARCHITECTURES=90-real. Without
# WHEEL_ARCHITECTURES, those of CMakeLists.txt, which are what a release has.
WHEEL_ARCHITECTURES ?=
wheels-cuda:
	ARCHITECTURES="$(WHEEL_ARCHITECTURES)" cmake/manylinux/wheels.sh --cuda . $(PYTHONS)

# The sdist and the wheels of it, checked, and the text of the tag: everything but the upload.
release: $(STAMPS)/release
	$(BIN)/python .ci/release.py

# The wheel takes the place of the installed package until this is built again.
WHEEL_TAG = $(shell $(BIN)/python -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
test-wheel: $(STAMPS)/build $(STAMPS)/test
	cmake -S . -B build/manylinux/tests -G Ninja -DRANKME_TESTS=ON -DRANKME_CUDA=OFF \
	    -DPython_EXECUTABLE=$(BIN)/python -DRANKME_SYSROOT=$(abspath build/manylinux/sysroot) \
	    -DCMAKE_TOOLCHAIN_FILE=$(abspath cmake/manylinux/toolchain.cmake)
	cmake --build build/manylinux/tests
	ctest --test-dir build/manylinux/tests --output-on-failure --no-tests=error
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps dist/*-$(WHEEL_TAG)-$(WHEEL_TAG)-*.whl
	rm -f $(STAMPS)/package
	$(BIN)/python -m pytest -n $(PYTEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

develop: $(STAMPS)/build $(STAMPS)/test $(STAMPS)/lint $(STAMPS)/bench
	touch $(STAMPS)/editable
	rm -f $(STAMPS)/package
	$(MAKE) $(STAMPS)/package

clean:
	rm -rf build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f $(STAMPS)/package

distclean: clean
	rm -rf $(VENV)

$(STAMPS)/venv:
	@.ci/check_machine.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/build $(STAMPS)/cuda-build $(STAMPS)/test $(STAMPS)/lint $(STAMPS)/bench $(STAMPS)/docs $(STAMPS)/release: $(STAMPS)/%: pyproject.toml $(STAMPS)/venv
	$(BIN)/python .ci/requirements.py $* > $@.txt
	$(BIN)/python -m pip install --quiet --requirement $@.txt
	touch $@

# Without isolation the build directory stays valid, and a second build compiles only what changed.
$(STAMPS)/package: $(SOURCES) $(STAMPS)/build
	$(BIN)/python -m pip install --quiet --no-build-isolation \
	    $(if $(wildcard $(STAMPS)/editable),--editable) .
	touch $@
