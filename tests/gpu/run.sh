#!/usr/bin/env bash
# Builds rankme with its CUDA module for this machine's GPU, runs everything that needs one and
# writes bench/results/gpu-NAME.md and .json. For a bare machine: a GPU, nvcc, Python >= 3.10, and no
# network. PyTorch and CuPy may be in that Python already or among the wheels.
#
#   tests/gpu/run.sh WHEELS [NAME] [--stages build,test,sanitize,bench]
#
#   WHEELS   folder with the wheels that the machine lacks, of the extra cuda13 and the groups build
#            and test-gpu
#            of pyproject.toml
#   NAME     of the report; by default the GPU's
#   --stages what to do; what was built stays in build/gpu, so that later stages can run alone
#
# Environment: PYTHON, python3 by default; RANKME_COMMIT, where the files came without .git; OUT, a
# folder that the report and the logs are copied to. Exit status: 0 if every stage passed, 1 if one
# did not, 2 for wrong usage.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

usage() {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' tests/gpu/run.sh >&2
  exit 2
}

wheels='' name='' stages=build,test,sanitize,bench
while (($#)); do
  case $1 in
    --stages) stages=${2:?--stages needs a list}; shift ;;
    -*) usage ;;
    *) if [[ -z $wheels ]]; then wheels=$1; elif [[ -z $name ]]; then name=$1; else usage; fi ;;
  esac
  shift
done
[[ -d $wheels ]] || usage
[[ $stages =~ ^(build|test|sanitize|bench)(,(build|test|sanitize|bench))*$ ]] || usage
wheels=$(cd "$wheels" && pwd)
if [[ -z $name ]]; then
  name=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr 'A-Z ' 'a-z-' | sed 's/^nvidia-//')
fi
[[ $name =~ ^[a-z0-9][a-z0-9._-]*$ ]] || { echo "no good name for a report: '$name'" >&2; exit 2; }

PYTHON=$(command -v "${PYTHON:-python3}") || { echo "no ${PYTHON:-python3}" >&2; exit 2; }
work=$PWD/build/gpu
venv=$work/venv
mkdir -p "$work/logs"
: >"$work/stages.tsv"
if [[ -z ${RANKME_COMMIT:-} ]] && RANKME_COMMIT=$(git rev-parse --short HEAD 2>/dev/null); then
  [[ -z $(git status --porcelain --untracked-files=no) ]] || RANKME_COMMIT+=' with changes'
fi
export RANKME_COMMIT=${RANKME_COMMIT:-unknown}
export RANKME_GPU_TESTS=required                # a GPU that cannot be used is no reason to skip
export XLA_PYTHON_CLIENT_PREALLOCATE=false      # or JAX takes three quarters of the memory
# cmake and ninja may be the Python's own; nvcc and compute-sanitizer are often off the path.
export PATH=$venv/bin:$(dirname "$PYTHON"):$PATH:/usr/local/cuda/bin

# An environment of its own on top of the Python's packages. PYTHON may be one itself, and venv
# would then build on the interpreter below it: a .pth file names the folders instead.
make_environment() {
  "$PYTHON" -m venv --without-pip "$venv" || return
  local site
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  "$PYTHON" -c 'import site, sys; print(*[p for p in sys.path if p.endswith("-packages")], sep="\n")' \
    >"$site/below.pth" || return
  "$PYTHON" .ci/requirements.py project build cuda13 test-gpu >"$work/requirements.txt" || return
  "$venv/bin/python" -m pip install --no-index --find-links "$wheels" -r "$work/requirements.txt"
}

run_build() {
  make_environment || return
  nvidia-smi
  nvcc --version
  # One build for the module and for the C++ tests.
  RANKME_CUDA=ON CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) "$venv/bin/python" -m pip install --verbose \
    --no-index --no-build-isolation --no-deps --force-reinstall \
    --config-settings=build-dir="$work/cmake" \
    --config-settings=cmake.define.RANKME_TESTS=ON \
    --config-settings=cmake.define.RANKME_CUDA_ARCHITECTURES="${ARCHITECTURES:-native}" . || return
  "$venv/bin/rankme" info
}

# Nothing may have been skipped: ctest alone would count that as passed.
run_test() {
  local failed=0 files
  ctest --test-dir "$work/cmake" -L cuda --output-on-failure --no-tests=error --timeout 100 |
    tee "$work/logs/ctest.log" || failed=1
  if grep -E '\*\*\*(Skipped|Not Run)' "$work/logs/ctest.log"; then failed=1; fi
  # As it goes, so that a process that is killed has told all until then; what may be killed last.
  for files in 'tests/python/cuda/test_[!m]*.py' tests/python/cuda/test_memory.py; do
    "$venv/bin/python" -m pytest -m gpu -v -p no:cacheprovider --tb=short -o console_output_style=count \
      --durations=5 ${PYTEST_ARGS:-} $files || failed=1
  done
  return "$failed"
}

# Racecheck looks at our kernels alone: those of cuBLAS are many, and not ours to mend. All runs go
# side by side.
run_sanitize() {
  local failed=0 i test tool logs=$work/logs/sanitize names=() running=()
  command -v compute-sanitizer || { echo 'no compute-sanitizer on PATH'; return 1; }
  mkdir -p "$logs"
  for test in "$work"/cmake/tests/cuda/gpu/*; do
    # Memory that runs out is what some tests are for, and no error of theirs.
    for tool in 'memcheck --report-api-errors no' 'racecheck --kernel-name kernel_substring=rankme'; do
      names+=("${tool%% *} ${test##*/}")
      RANKME_TEST_SHORT=1 timeout -k 5 150 compute-sanitizer --tool $tool --error-exitcode 9 "$test" \
        >"$logs/${names[-1]// /-}.log" 2>&1 &
      running+=($!)
    done
  done
  for i in "${!running[@]}"; do
    wait "${running[i]}" || failed=1
    echo "== ${names[i]}"
    tail -n 60 "$logs/${names[i]// /-}.log"
  done
  return "$failed"
}

run_bench() {
  "$venv/bin/rankme" bench --gpu --output "$work/bench"
}

# Runs a stage under its limit of seconds and notes how it went.
status=0
stage() {
  local stage=$1 limit=$2 begin=$SECONDS code
  [[ ,$stages, == *",$stage,"* ]] || return 0
  echo "==== $stage"
  # A shell of its own, since `timeout` can end nothing else.
  timeout -k 10 "$limit" bash -c "set -uo pipefail; run_$stage" 2>&1 | tee "$work/logs/$stage.log"
  code=${PIPESTATUS[0]}
  printf '%s\t%s\t%s\n' "$stage" "$code" $((SECONDS - begin)) >>"$work/stages.tsv"
  echo "==== $stage: exit status $code after $((SECONDS - begin)) s (124: more than $limit s)"
  ((code == 0)) || status=1
  return "$code"
}
export PYTHON wheels work venv
export -f make_environment run_build run_test run_sanitize run_bench

if stage build 240; then
  stage test 260
  stage sanitize 170
  stage bench 200
fi
"$PYTHON" tests/gpu/report.py "$work" bench/results "$name" || status=1
if [[ -n ${OUT:-} ]]; then
  cp "bench/results/gpu-$name.md" "bench/results/gpu-$name.json" "$work"/logs/*.log "$OUT/" || status=1
fi
exit "$status"
