"""The laws, files named after the parts of the protocol; importing this room registers them all."""

import importlib
import pkgutil

for _file in pkgutil.iter_modules(__path__):
    if not _file.name.startswith("_"):  # those hold what several files share
        importlib.import_module(f"{__name__}.{_file.name}")
