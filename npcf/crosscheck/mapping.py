"""Which of a model's parameters are the four tables: by name, by shape, by probing, or by hand.

By name    the layouts of `npcf.interop`, else names that tell ("movie_bias", "U", "bu")
By shape   two tables of factors, as many columns each; sizes as given, or as the ids demand
Probing    where sizes leave it open: add 1 to row 0 of a table and see which outputs move

Names that tell are believed, also where the model then uses the table for the other side: that is
a mistake to be found.  Only probing would hide it, so it is said where users are column 0 by
assumption.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from npcf.crosscheck.evidence import TABLES
from npcf.crosscheck.names import is_bias_name, is_mean_name, side_of, without_common_prefix
from npcf.crosscheck.torch_objects import is_tensor
from npcf.errors import UsageError
from npcf.interop import LAYOUTS


class Candidate(NamedTuple):
    """A parameter that could be a table."""

    path: str
    tensor: Any
    rows: int
    columns: int  # of an (n,) array 1


@dataclass
class Mapped:
    """The live table of each of npcf's names, and how it was found."""

    tables: dict[str, Any]
    paths: dict[str, str]
    by: str
    extra: dict[str, Any] = field(default_factory=dict)  # parameters that are no table
    assumed: bool = False  # that users are column 0


def map_tables(
    parameters: Mapping[str, Any], sizes: tuple[int | None, int | None], least: tuple[int, int],
    serves_user: Callable[[Any], bool | None],
) -> Mapped:  # fmt: skip
    """Find the tables among `parameters`.

    Parameters
    ----------
    parameters : mapping of str to tensor
        By their paths.
    sizes : (n_users, n_items)
        As the caller said, or None.
    least : (n_users, n_items)
        Fewest rows that the caller's ids need.
    serves_user : function of a tensor
        Whether its row 0 moves the outputs of user 0; None where none of them move.

    Raises
    ------
    UsageError
        Where no choice is better than another, with the way to say it by hand.
    """
    by_layout = _by_layout(parameters)
    if by_layout:
        return _result(parameters, by_layout, "name")
    tables = [
        Candidate(path, p, len(p), p.shape[1] if p.ndim == 2 else 1)
        for path, p in parameters.items()
        if p.ndim in (1, 2) and p.numel() > 1 and p.is_floating_point()
    ]
    factors, biases = _factors_and_biases(tables)
    found: dict[str, str] = {}
    how: set[str] = set()

    def enter(kind: str, pair: list[Candidate]) -> None:
        user, item, by = _sides(pair, sizes, least, found, parameters, serves_user)
        found[f"user_{kind}"], found[f"item_{kind}"] = user.path, item.path
        how.add(by)

    pair = _pair(factors, "factors", parameters)
    enter("factors", pair)
    biases = [bias for bias in biases if bias.rows in {table.rows for table in pair}]
    if len(biases) == 1:  # a bias of one side alone: the other's term is left out
        side, by = _side_of_one(biases[0], found, parameters, serves_user)
        found[f"{side}_bias"] = biases[0].path
        how.add(by)
    elif biases:
        enter("bias", _pair(biases, "biases", parameters))
    by = "probing" if "probing" in how else "shape" if "shape" in how else "name"
    result = _result(parameters, found, by)
    equal = len({len(result.tables[name]) for name in ("user_factors", "item_factors")}) == 1
    result.assumed = by == "probing" and equal
    return result


def _result(parameters: Mapping[str, Any], paths: Mapping[str, str], by: str) -> Mapped:
    tables = {name: parameters[path] for name, path in paths.items()}
    extra = {path: p for path, p in parameters.items() if path not in paths.values()}
    return Mapped(tables, dict(paths), by, extra)


def _by_layout(parameters: Mapping[str, Any]) -> dict[str, str] | None:
    """Return npcf's name: path, if the parameters have the keys of a known layout."""
    real = {path: p for path, p in parameters.items() if not is_mean_name(path)}
    short = {short: path for path, short in without_common_prefix(real).items()}
    for layout in LAYOUTS.values():
        for keys in (layout.keys, dict(list(layout.keys.items())[:2])):
            if set(keys.values()) == set(short):
                return {name: short[key] for name, key in keys.items()}
    return None


def _factors_and_biases(tables: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    factors = [table for table in tables if table.columns > 1]
    narrow = [table for table in tables if table.columns == 1]
    if not factors:  # one factor: tables are (n, 1), and only names tell them from biases
        biases = [table for table in narrow if is_bias_name(table.path)]
        factors = [table for table in narrow if table.tensor.ndim == 2 and table not in biases]
        return factors, biases
    return factors, narrow


def _pair(tables: list[Candidate], what: str, parameters: Mapping[str, Any]) -> list[Candidate]:
    """Return the two tables, by name where there are more."""
    if len(tables) > 2:
        short = without_common_prefix(table.path for table in tables)
        named = {side: [t for t in tables if side_of(short[t.path]) == side]
                 for side in ("user", "item")}  # fmt: skip
        tables = [t for side in named.values() for t in side if len(side) == 1]
    if len(tables) == 2:
        return tables
    raise UsageError("model", f"has not two tables of {what}: {_listed(parameters)}", by_hand())


def by_hand() -> str:
    """Return how a caller says which parameter is which table."""
    return (
        'Name them: model=(model, {"user_factors": "path.of.parameter", "item_factors": ..., '
        '"user_bias": ..., "item_bias": ...}).'
    )


def _listed(parameters: Mapping[str, Any]) -> str:
    shapes = [f"{path} {tuple(p.shape)}" for path, p in parameters.items()]
    return f"it has {', '.join(shapes[:8])}" if shapes else "it has no parameters"


def _sides(
    pair: list[Candidate], sizes: tuple[int | None, int | None], least: tuple[int, int],
    found: Mapping[str, str], parameters: Mapping[str, Any],
    serves_user: Callable[[Any], bool | None],
) -> tuple[Candidate, Candidate, str]:  # fmt: skip
    """Return (user's, item's, how it was found)."""
    a, b = pair
    short = without_common_prefix(parameters)
    names = side_of(short[a.path]), side_of(short[b.path])
    if names[0] != names[1]:
        return (a, b, "name") if names[0] == "user" or names[1] == "item" else (b, a, "name")
    if "user_factors" in found:  # biases go with the factors of as many rows
        wanted: tuple[int | None, int | None]
        wanted = tuple(len(parameters[found[f"{s}_factors"]]) for s in ("user", "item"))  # type: ignore[assignment]
    else:
        wanted = sizes
    fits = [
        (x, y)
        for x, y in ((a, b), (b, a))
        if wanted[0] in (None, x.rows) and wanted[1] in (None, y.rows)
        and x.rows >= least[0] and y.rows >= least[1]
    ]  # fmt: skip
    if len(fits) == 1 and wanted != (None, None):
        return *fits[0], "shape"
    answer = serves_user(a.tensor)
    if answer is None:
        answer = not serves_user(b.tensor)
    return (a, b, "probing") if answer else (b, a, "probing")


def _side_of_one(
    bias: Candidate, found: Mapping[str, str], parameters: Mapping[str, Any],
    serves_user: Callable[[Any], bool | None],
) -> tuple[str, str]:  # fmt: skip
    """Return ("user" or "item", how it was found) of a bias that is the only one."""
    named = side_of(without_common_prefix(parameters)[bias.path])
    if named:
        return named, "name"
    rows = {len(parameters[found[f"{side}_factors"]]): side for side in ("user", "item")}
    if len(rows) == 2:
        return rows[bias.rows], "shape"
    return "user" if serves_user(bias.tensor) else "item", "probing"


def mean_of(model: Any, extra: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return path and value of the constant mean that a model holds, if a name tells of one.

    It is a parameter that is no table, a buffer or an attribute, such as "global_mean".
    """
    held = dict(extra)
    if model is not None:
        held |= dict(model.named_buffers())
        for prefix, module in model.named_modules():
            held |= {f"{prefix}.{name}".lstrip("."): x for name, x in vars(module).items()}
    found = {
        path: float(x)
        for path, x in held.items()
        if is_mean_name(path) and (type(x) in (int, float) or (is_tensor(x) and x.numel() == 1))
    }
    return next(iter(found.items())) if len(found) == 1 else None


def mapped_by_hand(parameters: Mapping[str, Any], paths: Mapping[str, Any]) -> Mapped:
    """Return the mapping that the caller gave: npcf's names to paths, or to live tensors."""
    own = {id(p): path for path, p in parameters.items()}
    found: dict[str, str] = {}
    tables: dict[str, Any] = {}
    for name, path in paths.items():
        if name not in TABLES:
            cure = f"The tables are {', '.join(TABLES)}."
            raise UsageError("model", f"names a table {name!r} that there is not", cure)
        if isinstance(path, str) and path not in parameters:
            cure = f"Its parameters are {', '.join(parameters)}."
            raise UsageError("model", f"has no parameter {path!r}", cure)
        tables[name] = parameters[path] if isinstance(path, str) else path
        found[name] = path if isinstance(path, str) else own.get(id(path), name)
    if not {"user_factors", "item_factors"} <= set(tables):
        cure = 'Give both: {"user_factors": ..., "item_factors": ...}.'
        raise UsageError("model", "names not both tables of factors", cure)
    extra = {path: p for path, p in parameters.items() if path not in found.values()}
    return Mapped(tables, found, "hand", extra)
