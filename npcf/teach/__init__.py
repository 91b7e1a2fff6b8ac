"""For people who study gradients: one step taken apart, exercises, the lesson's spreadsheet."""

from npcf.teach.explain import explain_step
from npcf.teach.explanation import Explanation
from npcf.teach.practice.exercise import Exercise, exercise, exercises
from npcf.teach.practice.verdict import Verdict
from npcf.teach.sheet import write_sheet
from npcf.teach.sheet_reader import ReadTab, read_sheet
from npcf.teach.sheet_table import RatingTable, drawn_table, top_table

__all__ = [
    "Exercise",
    "Explanation",
    "RatingTable",
    "ReadTab",
    "Verdict",
    "drawn_table",
    "exercise",
    "exercises",
    "explain_step",
    "read_sheet",
    "top_table",
    "write_sheet",
]
