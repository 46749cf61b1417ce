#!/usr/bin/env bash
# Brings a Python that this machine lacks, from another release of Debian, for wheels.sh:
#
#   sudo cmake/manylinux/debian_python.sh forky 3.14 /tmp/forky
#   make wheels PYTHONS=/tmp/forky/here/bin/python3.14
#
# The folder $3 becomes a system of the release $1, by debootstrap. Its Python $2 runs there, under
# chroot; here/bin/ has one that runs on this machine, with that system's loader and libraries, since
# a younger Python wants a younger C library than this machine's. The wheel is built with this
# machine's compiler all the same.
set -euo pipefail
release=${1:?usage: debian_python.sh RELEASE VERSION FOLDER}
python=python${2:?usage: debian_python.sh RELEASE VERSION FOLDER}
root=$(realpath -m "${3:?usage: debian_python.sh RELEASE VERSION FOLDER}")
mirror=${MIRROR:-http://deb.debian.org/debian}
machine=x86_64-linux-gnu

if [[ -e $root ]]; then
  echo "$root exists: name a folder that does not" >&2
  exit 1
fi
# The script of sid serves every release; a debootstrap does not know those that are younger.
debootstrap --variant=minbase --include="$python,$python-venv,$python-dev,ca-certificates" \
  "$release" "$root" "$mirror" /usr/share/debootstrap/scripts/sid

# The same paths on both sides of the chroot.
mkdir -p "$root$(dirname "$root")"
ln -s / "$root$root"
# Its venv takes pip from here.
sed -i "s|'/usr/share/python-wheels/'|'$root/usr/share/python-wheels/'|" \
  "$root/usr/lib/$python"/_sysconfigdata__*.py
rm -f "$root/usr/lib/$python"/__pycache__/_sysconfigdata__*

here=$root/here
mkdir -p "$here/bin" "$here/lib" "$here/include"
ln -s "$root/usr/lib/$python" "$here/lib/$python"
# Debian keeps pyconfig.h apart, in a folder that only its own compiler searches.
cp -r "$root/usr/include/$python" "$here/include"
mkdir "$here/include/$python/$machine"
cp -r "$root/usr/include/$machine/$python" "$here/include/$python/$machine"
cat >"$here/bin/$python" <<end
#!/bin/sh
exec $root/lib64/ld-linux-x86-64.so.2 --argv0 "\$0" \\
  --library-path $root/usr/lib/$machine $root/usr/bin/$python "\$@"
end
chmod +x "$here/bin/$python"
"$here/bin/$python" --version
