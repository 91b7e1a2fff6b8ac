"""From a live model to the report: observe, judge, diagnose, reduce."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from npcf.crosscheck.array_function import array_tables, observe_function
from npcf.crosscheck.conclude import conclude
from npcf.crosscheck.data_stage import learner_facts, rating_facts, row_facts, size_facts
from npcf.crosscheck.diagnose import Diagnoses
from npcf.crosscheck.evidence import Evidence, Probe, Seen
from npcf.crosscheck.guard import guarded
from npcf.crosscheck.mapping import mapped_by_hand
from npcf.crosscheck.observe import observe
from npcf.crosscheck.reduce import reduce_failure
from npcf.crosscheck.report import Report
from npcf.crosscheck.running import run_probe
from npcf.crosscheck.subject import Subject, subject_of
from npcf.crosscheck.verdict import Reduced, Stage
from npcf.errors import require_pair
from npcf.ops.sigmoid_range import check_range


def crosscheck(
    model: Any, users: Any, items: Any, rating: Any, *,
    y_range: tuple[float, float] | None = (0, 5.5), loss: Callable[..., Any] | None = None,
    optimizer: Any = None, steps: int = 1, step: Callable[..., Any] | None = None,
    intended: Any = None, n_users: int | None = None, n_items: int | None = None,
) -> Report:  # fmt: skip
    """Hold a model of collaborative filtering against the formulas; name what is wrong in it.

    Output, loss, every gradient and every step of the optimizer are judged by themselves, each on
    right input, with a tolerance derived from the rounding of the model's own dtype.  The model,
    its gradients and buffers, the optimizer and the state of random numbers are left as they were,
    bit for bit.

    Parameters
    ----------
    model : torch.nn.Module, fastai Learner, callable, or (one of them, {table: path})
        Takes x (B, 2), or users and items (B,) each, as two arguments, a tuple or a dict; returns
        (B,) or (B, 1).  A function of NumPy arrays is given with those that it reads,
        (function, {"user_factors": P, ...}): its output and loss are seen.
    users, items, rating : (B,) arrays or tensors
        A batch: rows of the tables, and ratings.
    y_range : (low, high) or None
        What was meant: pred = low + (high - low) sigmoid(...); None: no range.
    loss : function of (pred, rating), optional
        Yours; default: the Learner's, or mean squared error.
    optimizer : torch or fastai optimizer, optional
        Yours, live; its own settings are taken for meant unless `intended` says otherwise.
    steps : int
        How many of its steps are watched, at least.
    step : function of (x, rating), optional
        A training step of yours, which returns the loss: only there stale gradients, double steps
        and schedules can be seen.  It is called a few times, and may keep counters of its own.
        Without `optimizer` and `intended` the optimizer that it holds is taken.
    intended : mapping, optional
        The optimizer that was meant: dict(optimizer="adamw", lr=..., weight_decay=..., betas=...,
        eps=...).  A list of rates, lr=[...], is a schedule: one for each call of `step`.  Where
        `step` clips gradients on purpose: max_grad_norm=1.0 or max_grad_value=0.5, also alone.
    n_users, n_items : int, optional
        How many rows the tables should have: the largest ids of a batch do not tell.

    Returns
    -------
    Report
        `ok`, `failed_stage`, `diagnosis`, `stages`, `reduced`; print it, or write `to_html(path)`.

    Raises
    ------
    UsageError
        If the model cannot be called, or its tables cannot be told apart.
    SettingError
        If `y_range` or `intended` mean nothing.
    """
    begin = time.perf_counter()
    if y_range is not None:
        y_range = check_range(np.zeros(1), *require_pair("y_range", y_range))[1:]
    arrays = array_tables(model)
    if arrays is not None:
        evidence = observe_function(*arrays, users, items, rating, y_range, loss)
    else:
        evidence = observe(
            model, users, items, rating, y_range=y_range, loss=loss, optimizer=optimizer,
            steps=steps, step=step, intended=intended, n_users=n_users, n_items=n_items,
        )  # fmt: skip
    evidence.facts += _data_facts(evidence, n_users, n_items)
    evidence.facts += learner_facts(model, evidence.n_users, evidence.n_items)
    evidence.looked_at = (*evidence.looked_at, "data")

    def smaller(stages: list[Stage], found: Diagnoses) -> Reduced | None:
        with _running(model, loss, optimizer, evidence) as (again, subject):
            fastai = hasattr(subject.optimizer, "hypers")
            return reduce_failure(evidence, stages, again, subject.form, fastai)

    return conclude(evidence, begin, smaller if arrays is None else None)


def _data_facts(evidence: Evidence, n_users: int | None, n_items: int | None) -> list[Any]:
    """Look at the caller's batch and at the sizes that were said."""
    sizes = evidence.n_users, evidence.n_items
    yours = next(seen.probe for seen in evidence.seen if seen.probe.name == "yours")
    facts = size_facts((n_users, n_items), sizes)
    outside = row_facts(yours.users, yours.items, *sizes)
    if outside:  # the repair: later stages are judged on batches whose rows there are
        evidence.seen = [seen for seen in evidence.seen if seen.probe.name != "yours"]
        evidence.trained = None
    return (facts or outside) + rating_facts(yours.rating, evidence.y_range)


@contextmanager
def _running(
    model: Any, loss: Any, optimizer: Any, evidence: Evidence
) -> Iterator[tuple[Callable[[Probe], Seen], Subject]]:
    """Give a function that runs the subject on a probe; afterwards the subject is as before."""
    subject = subject_of(model, loss, optimizer, None)
    with guarded(subject.touched()):
        subject.choose_form()
    subject.tables = mapped_by_hand(subject.parameters(), evidence.paths).tables

    def again(probe: Probe) -> Seen:
        subject.put(probe.tables)
        return run_probe(subject, probe, evidence.y_range, evidence.mean)[0]

    with guarded(subject.touched()):
        yield again, subject
