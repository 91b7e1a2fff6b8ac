"""Accuracy: how well one model of this family predicts the five published folds of ML-100k.

Everybody gets the same: a grid of six settings, chosen between on inner splits of the training
folds (a tenth of each held out), then one fit a fold with what was chosen, and the mean test RMSE
over u1 .. u5.  No test rating is seen before the last number.  Predictions are clipped to 1 .. 5
where a peer does not do so itself.

The grids hold what their authors recommend and what was found good for ML-100k in the literature;
npcf's hold the recipe `PerRatingSGD("ml-100k")` and its neighbours.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compare.bench import libmf_peer
from compare.bench.measuring import Absent, Times
from compare.bench.options import Answer, Options
from compare.bench.patience import patiently
from compare.bench.rows import Must, Row, figure_row, missing_row
from npcf.data import planted
from npcf.training import PerRatingSGD, RatingArrays, rmse
from npcf.training.per_rating_settings import PRESET_EPOCHS
from tests import places

QUESTION = "accuracy: mean test RMSE over u1..u5 of ML-100k"
MUST = Must(False, 0.905, 0.9025)
N_USERS, N_ITEMS, FOLDS = 943, 1682, 5

Settings = dict[str, Any]
Predict = Callable[[RatingArrays, RatingArrays, Settings], NDArray[Any]]


class Peer(NamedTuple):
    """A way to learn, and what it may choose from."""

    name: str
    predict: Predict  # (train, test, settings) -> predictions of the test ratings
    grid: list[Settings]


def run(options: Options) -> Answer:
    """Choose, fit, report."""
    folds = _planted_folds() if options.small else _published_folds()
    rows, found = [], {}
    for peer in peers(options.small):
        start = time.perf_counter()
        try:
            chosen, error = chosen_and_tested(peer, folds)
        except (Absent, ImportError) as reason:
            rows.append(missing_row(QUESTION, peer.name, None, "", str(reason)))
            continue
        seconds = time.perf_counter() - start
        found[peer.name] = {"chosen": chosen, "rmse": error, "seconds": seconds}
    ours = found["npcf"]["rmse"]
    rows[:0] = [_row(name, ours, answer["rmse"]) for name, answer in found.items()]
    return Answer(rows, found)


def chosen_and_tested(
    peer: Peer, folds: list[tuple[RatingArrays, RatingArrays]]
) -> tuple[Settings, float]:
    """Return the settings with the least mean inner error, and their mean error on the tests."""
    inner = [_inner_split(train, number) for number, (train, _) in enumerate(folds)]
    chosen = peer.grid[0]
    if len(peer.grid) > 1:
        chosen = min(peer.grid, key=lambda settings: _mean_error(peer, inner, settings))
    return chosen, _mean_error(peer, folds, chosen)


def _mean_error(peer: Peer, folds: list[Any], settings: Settings) -> float:
    errors = [
        rmse(np.clip(peer.predict(train, test, settings), 1, 5).astype(np.float32), test.rating)
        for train, test in folds
    ]
    return float(np.mean(errors))


def _inner_split(train: RatingArrays, number: int) -> tuple[RatingArrays, RatingArrays]:
    order = np.random.default_rng(1000 + number).permutation(len(train.rating))
    cut = len(order) // 10
    return _rows(train, order[cut:]), _rows(train, order[:cut])


def _rows(r: RatingArrays, rows: NDArray[Any]) -> RatingArrays:
    return r._replace(users=r.users[rows], items=r.items[rows], rating=r.rating[rows])


def _row(name: str, ours: float, error: float) -> Row:
    if name == "npcf":
        return figure_row(QUESTION, Times((ours,)), MUST, "")
    return figure_row(QUESTION, Times((ours,)), None, "", peer=name, theirs=Times((error,)))


def peers(small: bool) -> list[Peer]:
    """Return everybody; `small`: a setting each."""
    everybody = [
        Peer("npcf", _npcf, [{"weight_decay": wd, "n_factors": k} for k in (64, 256)
                             for wd in ((0.015, 0.02), (0.02, 0.03), (0.03, 0.045))]),
        Peer("cornac MF", _cornac, [{"k": k, "lambda_reg": reg, "max_iter": 60, "learning_rate": lr}
                                    for k in (64, 256)
                                    for reg, lr in ((0.05, 0.01), (0.08, 0.01), (0.1, 0.02))]),
        Peer("Surprise SVD", _surprise, [{"n_factors": k, "reg_all": reg, "n_epochs": 60,
                                          "lr_all": 0.01}
                                         for k in (50, 200) for reg in (0.08, 0.1, 0.12)]),
        Peer("LIBMF", _libmf, [{"k": k, "reg": reg, "eta": 0.05, "nr_iters": n}
                               for k in (32, 64)
                               for reg, n in ((0.08, 30), (0.1, 45), (0.12, 60))]),
    ]  # fmt: skip
    return [peer._replace(grid=peer.grid[:1]) if small else peer for peer in everybody]


def _npcf(train: RatingArrays, test: RatingArrays, settings: Settings) -> NDArray[Any]:
    trainer = PerRatingSGD("ml-100k", **settings)
    trainer.fit(train, PRESET_EPOCHS["ml-100k"], progress=False)
    return trainer.predict(test.users, test.items)


def _cornac(train: RatingArrays, test: RatingArrays, settings: Settings) -> NDArray[Any]:
    from cornac.data import Dataset
    from cornac.models import MF

    data = Dataset.build(
        zip(train.users.tolist(), train.items.tolist(), train.rating.tolist(), strict=True)
    )
    model = MF(use_bias=True, early_stop=False, num_threads=1, seed=0, verbose=False, **settings)
    model.fit(data)
    users = np.array([data.uid_map.get(u, -1) for u in test.users.tolist()])
    items = np.array([data.iid_map.get(i, -1) for i in test.items.tolist()])
    known_u, known_i = users >= 0, items >= 0
    pred = np.full(len(users), model.global_mean, np.float64)
    pred += np.where(known_u, model.u_biases[users], 0) + np.where(
        known_i, model.i_biases[items], 0
    )
    dots = (model.u_factors[users] * model.i_factors[items]).sum(axis=1)
    return pred + np.where(known_u & known_i, dots, 0)


def _surprise(train: RatingArrays, test: RatingArrays, settings: Settings) -> NDArray[Any]:
    import pandas as pd
    from surprise import SVD, Dataset, Reader

    frame = pd.DataFrame({"u": train.users, "i": train.items, "r": train.rating})
    data = Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()
    model = SVD(random_state=0, **settings).fit(data)
    pairs = zip(test.users.tolist(), test.items.tolist(), test.rating.tolist(), strict=True)
    return np.array([prediction.est for prediction in model.test(list(pairs))])


def _libmf(train: RatingArrays, test: RatingArrays, settings: Settings) -> NDArray[Any]:
    libmf_peer.loaded()
    return np.asarray(patiently(libmf_predictions, train, test, settings))


def libmf_predictions(train: RatingArrays, test: RatingArrays, settings: Settings) -> NDArray[Any]:
    """Return LIBMF's predictions; for a process of its own, because it may never return."""
    binding, _ = libmf_peer.loaded()
    reg = settings["reg"]
    decay = {"lambda_p1": 0.0, "lambda_q1": 0.0, "lambda_p2": reg, "lambda_q2": reg}
    chosen = {name: settings[name] for name in ("k", "eta", "nr_iters")}
    model = binding.MF(quiet=True, nr_threads=1, **chosen, **decay)
    triples = np.column_stack([train.users, train.items, train.rating])
    model.fit(np.asarray(triples, np.float64))
    # the binding reads the pairs column by column, whatever order they are in
    pairs = np.asfortranarray(np.column_stack([test.users, test.items]), np.float32)
    return np.asarray(model.predict(pairs))


def _published_folds() -> list[tuple[RatingArrays, RatingArrays]]:
    folder = places.movielens()
    if folder is None:
        raise Absent(places.NO_MOVIELENS)
    return [
        (_read(folder / f"u{n}.base"), _read(folder / f"u{n}.test")) for n in range(1, FOLDS + 1)
    ]


def _read(path: Any) -> RatingArrays:
    users, items, rating = np.loadtxt(path, np.int32, usecols=(0, 1, 2)).T
    return RatingArrays(users - 1, items - 1, rating.astype(np.float32), N_USERS, N_ITEMS)


def _planted_folds() -> list[tuple[RatingArrays, RatingArrays]]:
    r = planted(60, 40, 1500, seed=0).ratings
    whole = RatingArrays(r.users, r.items, np.rint(r.rating), r.n_users, r.n_items)
    order = np.random.default_rng(0).permutation(len(r))
    return [(_rows(whole, order[:1200]), _rows(whole, order[1200:]))]
