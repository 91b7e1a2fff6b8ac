"""Find tolerances that somebody guessed: numbers in places where a derived bound belongs.

A place is: an argument or a name that says tolerance; a call that compares approximately; the
larger side of an order between a difference (or abs, or norm) and something; the larger side of
any order if it holds a number of at most 1/100, the smaller one if it adds it to something.

There a number is guessed if nothing derived stands beside it (no name, no call), if it is a float
of at most 1/100, or if it is more than a hundred.  0 is exact, and the constants of the two
floating formats are derived: `8 * 2.0**-53 * size` counts eight roundings, `1e-9 * size` none.
Rates, scales and test inputs stand in no such place.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

SMALL, LARGE = 1 / 100, 100
FORMATS = {2.0**-n for n in (23, 24, 52, 53, 126, 149, 1022, 1074)}  # u, eps, tiny, eta
# settings of optimisers and of strategies are called eps and limit: only a small number is guilty
SAYS_TOLERANCE = re.compile(
    r"(^|_)(a?tol|rtol|tolerances?|allowed|slack|max_?ulps?|nulp|decimals?|places|significant|"
    r"atols|rtols)$", re.IGNORECASE
)  # fmt: skip
SAYS_IT_PERHAPS = re.compile(r"(^|_)(eps|epsilon|limits?|bound|margin|threshold)$", re.IGNORECASE)
# calls whose third argument is a tolerance, approx's second; the default of these is a guess too
APPROXIMATE = {
    "approx", "allclose", "isclose", "assert_allclose", "assert_close", "assert_almost_equal",
    "assert_approx_equal", "assert_array_almost_equal", "assertAlmostEqual",
    "assert_array_max_ulp", "assert_array_almost_equal_nulp", "assert_frame_equal",
    "assert_series_equal",
}  # fmt: skip
DERIVED = {"assert_within", "assert_within_exact"}
TRANSPARENT = {"max", "min", "abs", "float", "sqrt", "maximum", "minimum", "float32", "float64",
               "array", "full", "hypot"}  # fmt: skip
DISTANCES = {"abs", "absolute", "fabs", "norm", "ptp"}
OPTIONS = {"rel", "abs", "delta", "check_exact"}  # elsewhere these say nothing


class Guess(NamedTuple):
    """Where, and what it says there."""

    line: int
    text: str


def guesses(source: str) -> list[Guess]:
    """Return every guessed tolerance of a module, in order."""
    tree = ast.parse(source)
    constants = _module_constants(tree)
    refused = {node for block in ast.walk(tree) if _must_raise(block) for node in ast.walk(block)}
    found = {
        Guess(node.lineno, ast.unparse(node))
        for parent in ast.walk(tree)
        if parent not in refused
        for node in _places(parent, constants)
    }
    return sorted(found)


def _must_raise(node: ast.AST) -> bool:
    """Whether a block passes only if it raises: a number in it lets nothing through."""
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call) and _name(item.context_expr.func) == "raises"
        for item in node.items
    )


def _places(node: ast.AST, constants: dict[str, ast.expr]) -> Iterator[ast.expr]:
    """Yield the guilty expressions of one node."""
    if isinstance(node, ast.Call):
        yield from _of_call(node, constants)
    elif isinstance(node, ast.Compare):
        yield from _of_order(node, constants)
        yield from (side for side in (node.left, *node.comparators) if _is_rounded(side))
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from _if_named(_name(target), node.value, constants)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            text = key.value if isinstance(key, ast.Constant) else ""
            yield from _if_named(str(text), value, constants, perhaps=False)
    elif isinstance(node, ast.arguments):
        late = node.args[len(node.args) - len(node.defaults) :]
        pairs = [*zip(late, node.defaults, strict=True),
                 *zip(node.kwonlyargs, node.kw_defaults, strict=True)]  # fmt: skip
        for argument, default in pairs:
            yield from _if_named(argument.arg, default, constants)


def _of_call(node: ast.Call, constants: dict[str, ast.expr]) -> Iterator[ast.expr]:
    name = _name(node.func)
    keywords = [k for k in node.keywords if k.arg and SAYS_TOLERANCE.search(k.arg)]
    if name in APPROXIMATE | DERIVED:
        first = 1 if name == "approx" else 2
        given = node.args[first : first + 1 + (name in APPROXIMATE)]
        keywords += [k for k in node.keywords if k.arg in OPTIONS]
        if name in APPROXIMATE and not keywords and not given:
            yield node  # its default is somebody's guess
        yield from (value for value in given if is_guess(value, constants))
    yield from (k.value for k in keywords if is_guess(k.value, constants))


def _of_order(node: ast.Compare, constants: dict[str, ast.expr]) -> Iterator[ast.expr]:
    sides = [node.left, *node.comparators]
    for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
        if isinstance(operator, ast.Gt | ast.GtE):
            left, right = right, left
        elif not isinstance(operator, ast.Lt | ast.LtE):
            continue
        if _is_distance(left) and is_guess(right, constants):
            yield right
        if _small(right, constants):
            yield right
        if _is_sum(left) and _small(left, constants):  # 1 - 1e-12 <= correlation
            yield left


def _if_named(
    name: str, value: ast.expr | None, constants: dict[str, ast.expr], perhaps: bool = True
) -> Iterator[ast.expr]:
    """Yield the value that a name of tolerance is given."""
    if value is None or isinstance(value, ast.Lambda):
        return
    sure = SAYS_TOLERANCE.search(name) and is_guess(value, constants)
    small = perhaps and SAYS_IT_PERHAPS.search(name) and _small(value, constants)
    if sure or small:
        yield value


def is_guess(expression: ast.expr, constants: dict[str, ast.expr] | None = None) -> bool:
    """Whether a tolerance is a bare number, or has one in it that derives from nothing."""
    constants = constants or {}
    numbers = list(_numbers(expression, constants))
    if isinstance(expression, ast.Tuple | ast.List):
        return any(is_guess(element, constants) for element in expression.elts)
    if not _has_symbol(expression, constants) and any(numbers):
        return True
    return any(0 < abs(n) <= SMALL or abs(n) > LARGE for n in numbers)


def _small(side: ast.expr, constants: dict[str, ast.expr]) -> bool:
    return any(0 < abs(number) <= SMALL for number in _numbers(side, constants))


def _numbers(node: ast.AST, constants: dict[str, ast.expr]) -> Iterator[float]:
    """Yield the numbers of an expression; constants of the formats, and arguments, are none."""
    value = _value(node)
    if value is not None and abs(value) in FORMATS:
        return
    if value is not None and not (_is_sum(node) or _holds_format(node)):
        yield value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield from _numbers(constants[node.id], constants)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield from _numbers(node.left, constants)  # an exponent is no size
    elif isinstance(node, ast.Subscript):
        yield from _numbers(node.value, constants)  # nor is a position
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from _numbers(child, constants)
    elif _name(node.func) in TRANSPARENT:
        for child in (node.func, *node.args):
            yield from _numbers(child, constants)


def _value(node: ast.AST) -> float | None:
    """Return the number that an expression of numbers alone is."""
    if isinstance(node, ast.Constant):
        number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        return float(node.value) if number else None
    if not isinstance(node, ast.BinOp | ast.UnaryOp):
        return None
    if not all(isinstance(n, ast.BinOp | ast.UnaryOp | ast.Constant | ast.operator | ast.unaryop)
               for n in ast.walk(node)):  # fmt: skip
        return None
    try:
        return float(eval(compile(ast.Expression(node), "", "eval"), {}))
    except (ArithmeticError, TypeError, ValueError):
        return None


def _is_sum(node: ast.AST) -> bool:
    """Whether it adds or subtracts: 1 - 1e-12 is one and a tolerance."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def _holds_format(node: ast.AST) -> bool:
    """Whether a constant of a format is among the numbers."""
    values = map(_value, ast.walk(node))
    return any(value is not None and abs(value) in FORMATS for value in values)


def _has_symbol(expression: ast.expr, constants: dict[str, ast.expr]) -> bool:
    """Whether anything but numbers is in it: a bound, a size, or a constant of a format."""
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    derived = names - constants.keys() - TRANSPARENT - {"np", "math"}
    numbers = [expression, *(constants[name] for name in names & constants.keys())]
    return bool(derived) or any(map(_holds_format, numbers))


def _is_distance(side: ast.expr) -> bool:
    """Whether a side is a difference, or an absolute value or norm of something."""
    while True:
        if isinstance(side, ast.Call) and isinstance(side.func, ast.Attribute) and (
            side.func.attr in ("max", "min", "mean", "sum", "item", "all")
            and _name(side.func.value) not in ("np", "math")
        ):  # fmt: skip
            side = side.func.value
        elif isinstance(side, ast.Call) and _name(side.func) in TRANSPARENT - DISTANCES:
            side = side.args[0]
        else:
            break
    if isinstance(side, ast.Call):
        return _name(side.func) in DISTANCES
    if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Mult | ast.Div):
        return _is_distance(side.left) or _is_distance(side.right)
    if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Pow):
        return _is_distance(side.left)
    return isinstance(side, ast.BinOp) and isinstance(side.op, ast.Sub) and _value(side) is None


def _is_rounded(side: ast.expr) -> bool:
    """Whether a side of a comparison is rounded to some digits: a tolerance in disguise."""
    if isinstance(side, ast.Call) and _name(side.func) in ("tolist", "item", "all"):
        side = getattr(side.func, "value", side)
    if not isinstance(side, ast.Call) or _name(side.func) not in ("round", "around"):
        return False
    digits = side.args[-1:] if isinstance(side.func, ast.Attribute) else side.args[1:]
    return bool(digits) and _value(digits[0]) is not None


def _module_constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the module's own names for numbers."""
    return {
        _name(statement.targets[0]): statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and _value(statement.value) is not None
    }


def _name(node: ast.AST) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))
