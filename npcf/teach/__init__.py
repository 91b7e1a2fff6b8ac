"""For people who study gradients: one step taken apart, exercises, the lesson's spreadsheet."""

from npcf.teach.explain import explain_step
from npcf.teach.explanation import Explanation

__all__ = ["Explanation", "explain_step"]
