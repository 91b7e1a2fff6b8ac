"""For people who study gradients: one step taken apart, exercises, the lesson's spreadsheet."""

from npcf.teach.explain import explain_step
from npcf.teach.explanation import Explanation
from npcf.teach.practice.exercise import Exercise, exercise, exercises
from npcf.teach.practice.verdict import Verdict

__all__ = ["Exercise", "Explanation", "Verdict", "exercise", "exercises", "explain_step"]
