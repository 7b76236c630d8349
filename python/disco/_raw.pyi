# The extension module generated from the headers: see raw.py.
from typing import Any

ffi: Any
lib: Any
