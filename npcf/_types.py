"""The array types of npcf's signatures.  Letters: B batch, U users, I items, K factors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[Any]  # float32 or float64; complex64 or complex128 for the complex step
IdArray = NDArray[np.intp]  # checked ids: 0 <= id < number of rows
Params = dict[str, FloatArray]
Grads = Mapping[str, FloatArray]
YRange = tuple[float, float] | None
