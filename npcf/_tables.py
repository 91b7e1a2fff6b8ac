"""The four tables of the model, and what each is: names are never taken apart."""

from typing import NamedTuple


class Table(NamedTuple):
    """Whose rows a table has, users' or items', and what they are."""

    name: str
    side: str  # "user" or "item"
    is_bias: bool


TABLES = (
    Table("user_factors", "user", False),
    Table("item_factors", "item", False),
    Table("user_bias", "user", True),
    Table("item_bias", "item", True),
)
NAMES = tuple(table.name for table in TABLES)
TABLE = {table.name: table for table in TABLES}
