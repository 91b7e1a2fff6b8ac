"""The recorder: a file to copy to a machine without npcf, where a model is trained."""

from pathlib import Path

SOURCE = Path(__file__).with_name("_record.py")


def recorder() -> str:
    """Return the text of the recorder, a module of the standard library and torch.

    `npcf crosscheck --recorder > record.py` writes it; its docstring says how it is used.
    """
    return SOURCE.read_text("utf-8")
