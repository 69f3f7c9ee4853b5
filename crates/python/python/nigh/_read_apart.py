"""A process that reads files whose parsers may crash. It is started by this file's path, by an
isolated interpreter, so it finds the extension module beside itself and imports nothing else."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def run() -> int:
    """Runs the program with the arguments of this process; returns its exit code."""
    folder = Path(__file__).parent
    names = [folder / f"_nigh{suffix}" for suffix in EXTENSION_SUFFIXES]
    path = next(str(name) for name in names if name.is_file())
    spec = spec_from_file_location("nigh._nigh", path, loader=ExtensionFileLoader("nigh._nigh", path))
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    code: int = module.main(["nigh", *sys.argv[1:]])
    return code


if __name__ == "__main__":
    sys.exit(run())
