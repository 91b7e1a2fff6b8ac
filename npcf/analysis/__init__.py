"""Questions to a trained model."""

from npcf.analysis.top_items import top_items

__all__ = ["top_items"]
