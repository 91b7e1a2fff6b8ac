"""Tables as the compiled loops take them: rows padded, and numbered by tile."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from npcf._tables import NAMES, TABLE, TABLES, Table
from npcf._types import FloatArray, Params
from npcf.errors import (
    ShapeError,
    as_array,
    require_choice,
    require_count,
    require_ids,
    require_type,
)
from npcf.kernels.blocked_sgd.given import Given, changed, zeros
from npcf.kernels.blocked_sgd.pool import Gate, Poll, pool
from npcf.kernels.blocked_sgd.reference import LOSSES, Rule
from npcf.kernels.blocked_sgd.row_step import LANE, padded
from npcf.kernels.blocked_sgd.sgd_loop import (
    BIAS,
    CROSS_ENTROPY,
    PLAIN,
    SQUARED,
    WD_BIAS,
    WD_FACTORS,
    Numbers,
    Side,
    predict_into,
)
from npcf.kernels.blocked_sgd.tiles import Groups
from npcf.kernels.blocked_sgd.validate import check_groups, check_rule, check_sides

STRETCH = 2**12  # rows that are looked at together, in the cache
PIECE = 2**16  # ratings that one thread predicts at a time

Pair = Callable[[slice], Any]


class Tables:
    """Users' and items' rows and biases; by `groups` a row is found under its original number."""

    def __init__(self, groups: dict[str, Groups], n_factors: int, lanes: tuple[int, ...], n: int):
        self.groups, self.n_factors, self.lanes, self.gate = groups, n_factors, lanes, Gate(n)
        self.sides = tuple(
            Side(padded(len(group.row_at), LANE * len(lanes)), _scalars(len(group.row_at)))
            for group in groups.values()
        )

    def load(self, name: str, rows: Iterable[FloatArray]) -> None:
        """Set the parameter `name`, given as consecutive stretches of its rows.

        A stretch is (n, K), for a bias (n,) or (n, 1).  Raises ShapeError unless they make up the
        whole table; those before the first that does not fit are set.
        """
        table = TABLE[require_choice("name", name, NAMES)]
        self.check()
        group, side = self._of(table)
        require_type(name, rows, Iterable, "Give a list of stretches, such as [table].")
        first, n = 0, len(group.row_at)
        for stretch in rows:
            array = self._stretch(table, stretch, n - first)
            places = group.place_of[first : first + len(array)]
            first += len(array)
            if table.is_bias:
                side.scalars[places, BIAS] = array.reshape(-1)
            else:
                side.factors[places, : self.n_factors] = array
        if first != n:
            raise ShapeError(name, f"has {first} rows in all, not {n}", "Give every row.")

    def _of(self, table: Table) -> tuple[Groups, Side]:
        """Return the numbering of a table's rows, and where they are."""
        side = dict(zip(self.groups, self.sides, strict=True))[table.side]
        return self.groups[table.side], side

    def _stretch(self, table: Table, stretch: Any, room: int) -> FloatArray:
        name, array = table.name, as_array(table.name, stretch)
        shapes = [(), (1,)] if table.is_bias else [(self.n_factors,)]
        if array.dtype.kind != "f" or not array.ndim or array.shape[1:] not in shapes:
            problem = f"a stretch of shape {array.shape} and dtype {array.dtype} is none of rows"
            raise ShapeError(name, problem, f"Give floats (n, {self.n_factors}); a bias (n, 1).")
        if len(array) > room:
            raise ShapeError(name, f"has {len(array) - room} rows too many", "Give each row once.")
        return array

    @property
    def params(self) -> Params:
        """The tables (N, K) and biases (N, 1) in their original order, copied.

        From another thread, while an epoch runs, they are those between two stretches of it.
        """
        self.check()

        def copied() -> Params:
            tables: Params = {}
            for table in TABLES:
                group, side = self._of(table)
                columns = side.scalars[:, BIAS : BIAS + 1] if table.is_bias else side.factors
                width = 1 if table.is_bias else self.n_factors
                tables[table.name] = columns[group.place_of, :width]
            return tables

        return self.gate.reading(copied)

    def set_decays(self, rule: Rule) -> None:
        """Put each row's decays beside its bias."""
        for table in TABLES:
            group, side = self._of(table)
            column = WD_BIAS if table.is_bias else WD_FACTORS
            side.scalars[:, column] = np.asarray(rule.decays[table.name])[group.row_at]

    def first_not_finite(self) -> tuple[str, int, float] | None:
        """Return (parameter, row, number) of the first number that is not finite, or None.

        The errors of an epoch tell only of rows that were met again after they had gone wrong.
        """
        self.check()
        for table in TABLES:
            group, side = self._of(table)
            array = side.scalars[:, BIAS : BIAS + 1] if table.is_bias else side.factors
            found = first_not_finite_of(array)
            if found is not None:
                return table.name, int(group.row_at[found[0]]), found[1]
        return None

    def predict(self, users: Any, items: Any, rule: Rule, threads: int = 1) -> FloatArray:
        """Return the predictions (n,) float32 for pairs of rows, given as two arrays."""
        self.check(rule)
        rows = {"users": as_array("users", users), "items": as_array("items", items)}
        for name, ids in rows.items():
            if ids.ndim != 1 or ids.shape != rows["users"].shape:
                problem = f"shape {ids.shape} does not match users of {rows['users'].shape}"
                raise ShapeError(name, problem, "There is one user and one item each: (n,).")

        def checked(here: slice) -> list[Any]:
            return [
                require_ids(name, np.array(ids[here]), len(group.row_at), here.start)
                for group, (name, ids) in zip(self.groups.values(), rows.items(), strict=True)
            ]

        return self._predicted(len(rows["users"]), checked, rule, threads)

    def rmse(self, users: Any, items: Any, rating: Any, rule: Rule, threads: int = 1) -> float:
        """Return the root of the mean squared error over ratings, chunk by chunk, in float64."""
        n_users, n_items = check_groups(self.groups).values()
        return self.rmse_of(Given(users, items, rating, n_users, n_items), rule, threads)

    def rmse_of(self, given: Given, rule: Rule, threads: int = 1) -> float:
        """Return the same over `given`, whose numbers of rows are this trainer's."""
        self.check(rule)
        sizes = tuple(check_groups(self.groups).values())
        total, n = 0.0, 0
        for *pair, chunk in given._replace(n_users=sizes[0], n_items=sizes[1]).chunks():
            pred = self._predicted(len(chunk), partial(_cut, pair), rule, threads)
            total += float(((pred.astype(np.float64) - chunk) ** 2).sum())
            n += len(chunk)
        return float(np.sqrt(total / n))

    def _predicted(self, n: int, pair: Pair, rule: Rule, threads: int) -> FloatArray:
        """Return the predictions of `n` pairs; `pair(here)` are the checked rows of a slice."""
        out: FloatArray = zeros(n, np.float32)
        numbers, sides, lanes = numbers_of(rule), self.sides, self.lanes
        groups = tuple(self.groups.values())

        def part(first: int, poll: Poll) -> None:
            here = slice(first, first + PIECE)
            places = (g.place_of[ids] for g, ids in zip(groups, pair(here), strict=True))
            if predict_into(out[here], *places, *sides, numbers, lanes) >= 0:
                raise changed(first)

        def all_parts() -> None:
            with pool(threads) as run:
                run([partial(part, first) for first in range(0, n, PIECE)], lambda: False)

        require_count("threads", threads)
        self.gate.reading(all_parts)
        return out

    def check(self, rule: Rule | None = None) -> None:
        """Raise unless the arrays, and the rule, are such as the loops take."""
        sizes = check_groups(self.groups)
        check_sides(self.sides, self.lanes, sizes)
        if require_count("n_factors", self.n_factors, 0) > LANE * len(self.lanes):
            problem = f"{self.n_factors} are more than a row has"
            raise ShapeError("n_factors", problem, "Make a new Trainer.")
        if rule is not None:
            check_rule(rule, sizes)


def first_not_finite_of(array: FloatArray) -> tuple[int, float] | None:
    """Return (row, number) of the first number of a table that is not finite, or None."""
    for first in range(0, len(array), STRETCH):
        finite = np.isfinite(array[first : first + STRETCH])
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            return int(first + row), float(array[first + row, column])
    return None


def numbers_of(rule: Rule) -> Numbers:
    """Return what the loops take of a rule."""
    low, high = rule.y_range or (0.0, 1.0)
    kind = PLAIN if rule.y_range is None else (SQUARED, CROSS_ENTROPY)[LOSSES.index(rule.loss)]
    real = np.float32
    return Numbers(
        real(rule.lr), real(rule.bias_lr), real(rule.mean), real(low), real(high - low), kind
    )


def _cut(pair: Any, here: slice) -> list[Any]:
    return [rows[here] for rows in pair]


def _scalars(n_rows: int) -> FloatArray:
    scalars: FloatArray = zeros(4 * n_rows, np.float32).reshape(n_rows, 4)
    return scalars
