"""Print the hash of every member of the zoo as JSON: ``python run.py PROJECT [models]``.

Only the modules of the hash are loaded, which need nothing but Python, so that an interpreter
without any package can hash the plain part. Members that need NumPy are left out without it.
"""

import json
import sys
import types
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    project = Path(sys.argv[1])
    sys.path[:0] = [str(Path(__file__).parent), str(project)]
    zoos = ["plain"]
    if "models" in sys.argv:
        zoos += ["arrays", "models"]
    else:
        # Keeps `engine/compiled/__init__.py`, which compiles kernels, from being run.
        package = types.ModuleType("engine.compiled")
        package.__path__ = [str(project / "engine" / "compiled")]
        sys.modules["engine.compiled"] = package
        if find_spec("numpy"):
            zoos.append("arrays")
    code_hash = import_module("engine.compiled.code_hash").code_hash
    found = {}
    for zoo in zoos:
        module = import_module(zoo)
        found |= {f"{zoo}.{name}": code_hash(value) for name, value in module.MEMBERS.items()}
        if zoo == "models":
            found |= {f"print.{name}": text for name, text in module.prints().items()}
    print(json.dumps(found))


main()
