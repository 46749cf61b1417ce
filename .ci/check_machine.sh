#!/usr/bin/env bash
# Says in one line what this machine lacks to build rankme, and what to install; nothing if all is
# there. Usage: check_machine.sh PYTHON. Environment: CXX, c++ by default. Exit status: 0 or 1.
set -uo pipefail
python=${1:?usage: check_machine.sh PYTHON}

missing() {
  echo "rankme cannot be built here: $1. $2" >&2
  exit 1
}

command -v "$python" >/dev/null ||
  missing "there is no $python" "Debian: apt-get install python3 python3-dev python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  missing "$("$python" --version 2>&1) is too old, it takes 3.10 or later" "Name another one: make PYTHON=python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  missing "$python has no venv" "Debian: apt-get install python3-venv"
"$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null ||
  missing "$python has no headers (Python.h)" "Debian: apt-get install python3-dev"
command -v "${CXX:-c++}" >/dev/null ||
  missing "there is no C++ compiler (${CXX:-c++})" "Debian: apt-get install g++"
echo '#include <span>' | "${CXX:-c++}" -std=c++20 -fsyntax-only -x c++ - 2>/dev/null ||
  missing "${CXX:-c++} knows no C++20" "It takes GCC 11 or later, or name another one: CXX=g++-12 make"
