"""Print what lists of pyproject.toml ask for, a requirement a line.

    python .ci/requirements.py NAME...

NAME is a dependency group or an extra; `project` is what the package itself needs. pip learned to
install groups in 25.1, and installs an extra only together with its package, which would build the
package again for each; pyproject.toml is to stay the lists' only home.
"""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
known = tomllib.loads(text)
lists = {
    "project": known["project"]["dependencies"],
    **known["project"]["optional-dependencies"],
    **known["dependency-groups"],
}
unknown = [name for name in sys.argv[1:] if name not in lists]
if unknown or not sys.argv[1:]:
    sys.exit(f"{', '.join(unknown) or 'no list'}: pyproject.toml has {', '.join(lists)}")
sys.stdout.writelines(f"{one}\n" for name in sys.argv[1:] for one in lists[name])
