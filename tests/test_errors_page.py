"""The page of error codes is made from the classes, and every class has a code of its own."""

from pathlib import Path

from npcf import errors
from npcf.cli import main
from npcf.commands.doctor import error_codes

BUILT_IN = (ValueError, TypeError, IndexError, KeyError, ArithmeticError, OSError)
PAGE = Path(__file__).parents[1] / "notebooks" / "errors.md"


def test_the_page_is_what_the_classes_say(capsys):
    assert PAGE.read_text() == error_codes()
    assert main(["doctor", "--codes"]) == 0
    assert capsys.readouterr().out == error_codes()


def test_codes_are_unique_and_classes_are_explained():
    classes = [errors.NpcfError, *errors.NpcfError.__subclasses__()]
    assert len({cls.code for cls in classes}) == len(classes) >= 10
    for cls in classes[1:]:
        assert cls.code in PAGE.read_text()
        assert issubclass(cls, BUILT_IN)
        assert (cls.__doc__ or "").endswith(".")
