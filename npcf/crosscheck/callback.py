"""A callback for fastai's Learner that checks it while it trains.

    learn.fit_one_cycle(5, 5e-3, cbs=CrosscheckCallback(every=500, y_range=(0, 5.5)))

fastai is not imported: a callback of a Learner is an object that is called with the names of
events, and has `order`, `name` and `learn`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Fact
from npcf.crosscheck.metric_stage import METRICS, metric_facts
from npcf.crosscheck.report import Report
from npcf.crosscheck.run import crosscheck
from npcf.errors import require_callable, require_count


class CrosscheckCallback:
    """Crosscheck a Learner's model and loss every so many training batches, and its metrics.

    Parameters
    ----------
    every : int
        Batches between two checks; the first batch of a fit is always checked.
    tell : function of one text
        What becomes of a report that is not ok, and of a metric that is not right; each text once.
    **options
        Of `npcf.crosscheck`: y_range, intended, n_users, n_items.

    Attributes
    ----------
    reports : list of Report
        Of every batch that was checked.
    facts : list of Fact
        About metrics that are not what they are called.
    """

    order = 60  # behind the Recorder (50), whose values are read
    name = "crosscheck"
    learn: Any = None

    def __init__(self, every: int = 100, tell: Callable[[str], Any] = print, **options: Any):
        self.every = require_count("every", every)
        require_callable("tell", tell, "Pass a function of one text, such as print.")
        self.tell, self.options = tell, options
        self.reports: list[Report] = []
        self.facts: list[Fact] = []
        self._told: set[str] = set()
        self._seen = 0
        self._validation: list[tuple[Any, Any]] = []

    def __call__(self, event: str) -> None:
        """Run what there is for an event of the Learner."""
        action = getattr(self, event, None)
        if action is not None:
            action()

    def before_fit(self) -> None:
        """Begin to count."""
        self._seen = 0

    def before_batch(self) -> None:
        """Check the model on the batch that is about to be trained on; it is left as it was."""
        if not self.learn.training:
            return
        due, self._seen = self._seen % self.every == 0, self._seen + 1
        if not due:
            return
        x, rating = self.learn.xb[0], self.learn.yb[0]
        options = {"loss": self.learn.loss_func, **self.options}
        report = crosscheck(self.learn.model, x[:, 0], x[:, 1], rating.reshape(-1), **options)
        self.reports.append(report)
        if not report.ok:
            kind = f"{report.failed_stage} {[found.name for found in report.diagnosis]}"
            self._tell(kind, f"before training batch {self._seen}:\n{report}")

    def before_validate(self) -> None:
        """Begin to collect predictions."""
        self._validation = []

    def after_pred(self) -> None:
        """Collect the predictions of a validation batch."""
        if not self.learn.training:
            pair = self.learn.pred, self.learn.yb[0]
            pred, rating = (np.array(tensor.detach().cpu().tolist()).ravel() for tensor in pair)
            self._validation.append((pred, rating))

    def after_epoch(self) -> None:
        """Hold the metrics that the Recorder has put down against those of the predictions."""
        recorder = getattr(self.learn, "recorder", None)
        if not self._validation or recorder is None or not recorder.values:
            return
        predictions, ratings = zip(*self._validation, strict=True)
        names = [name for name in recorder.metric_names if name not in ("epoch", "time")]
        for name, reported in zip(names, recorder.values[-1], strict=False):
            metric = name.strip("_").lower()
            if metric in METRICS:
                for fact in metric_facts(predictions, ratings, float(reported), metric):
                    self.facts.append(fact)
                    self._tell(fact.name, f"{fact.sentence}\n{fact.cure}")

    def _tell(self, kind: str, text: str) -> None:
        """Tell a text, unless one like it has been told."""
        if kind not in self._told:
            self._told.add(kind)
            self.tell(f"crosscheck: {text}")
