"""What compiled steps touch may be replaced at any time: it is judged then, or the call refuses.

Tables grow when new users arrive, states come from files, a callback swaps an array, a caller uses
a buffer again.  Each ends in an error that names the argument, whose cure works, or in the numbers
of the same steps taken over fresh arrays.
"""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from npcf import kernels, models, optim
from npcf.data import CollabDataLoaders, Ratings, planted
from npcf.errors import DTypeError, IdRangeError, NpcfError, SettingError, ShapeError, UsageError
from npcf.fused import trainer, trainer_for
from npcf.training import Callback, Learner
from npcf.verify import assert_same_bits

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
RULES = {
    "adam": lambda p: optim.fastai_adam(p, wd=0.1),
    "momentum": lambda p: optim.SGD(p, momentum=0.9, weight_decay=0.1),
    "sgd": lambda p: optim.SGD(p, weight_decay=0.1, decoupled=True),
}
every_rule = pytest.mark.parametrize("rule", RULES)


def tables(n_users=30, n_items=20, k=3, dtype=np.float64):
    rng = np.random.default_rng(0)
    return {
        "user_factors": rng.normal(0, 0.3, (n_users, k)).astype(dtype),
        "item_factors": rng.normal(0, 0.3, (n_items, k)).astype(dtype),
        "user_bias": np.zeros(n_users, dtype),
        "item_bias": np.zeros((n_items, 1), dtype),
    }


def arguments(n_steps=12, n_users=30, n_items=20, seed=1):
    rng = np.random.default_rng(seed)
    users, items = (rng.integers(0, n, 2 * n_steps) for n in (n_users, n_items))
    rating = rng.integers(1, 6, 2 * n_steps) * 1.0
    return users, items, rating, np.arange(0, 2 * n_steps + 1, 2), np.full(n_steps, 0.01)


def made(rule, **options):
    opt = RULES[rule](tables())
    return opt, trainer_for(opt, deferred=True, **options)


def grown(array, n):
    return np.concatenate([array, np.zeros((n - len(array), *array.shape[1:]), array.dtype)])


def held(arrays, name):
    return dict.__getitem__(arrays, name)


@every_rule
@pytest.mark.parametrize("between_runs", [True, False])
def test_users_that_arrive_need_states_of_their_own(rule, between_runs, monkeypatch):
    """Tables with more rows and states without are refused by name; grown too, all goes on."""
    monkeypatch.setattr(trainer, "SLICE", 1e-9)
    opt, fused = made(rule)
    if between_runs:
        fused.run(*arguments())
    states = [s for s in ("m", "v", "buffers") if getattr(opt, s, None)]

    def grow(what):
        for name in ("user_factors", "user_bias"):
            what[name] = grown(what[name], 40)

    def arrive(n):
        if n == 3:
            grow(opt.params)

    if between_runs:
        grow(opt.params)
    if states or not between_runs:
        run = {} if between_runs else {"between": arrive}
        if states or rule != "sgd":
            with pytest.raises(ShapeError, match=r"opt\.(m|buffers)\['user_factors'\]: shape \(30"):
                fused.run(*arguments(), **run)
            with pytest.raises(ShapeError, match=r"opt\.(m|buffers)\['user_factors'\]: shape \(30"):
                opt.step({name: np.zeros_like(table) for name, table in opt.params.items()})
        else:
            fused.run(*arguments(), **run)
    for state in [s for s in ("m", "v", "buffers") if getattr(opt, s, None)]:
        grow(getattr(opt, state))
    whole = RULES[rule]({name: table.copy() for name, table in opt.params.items()})
    for name, value in opt.state_arrays().items():
        if name == "t":
            whole.t = int(value)
        else:
            state, table = name.split("/")
            getattr(whole, state)[table] = value.copy()
    later = arguments(8, n_users=40, seed=2)
    assert_same_bits(fused.run(*later), trainer_for(whole, deferred=True).run(*later))
    for name, table in whole.params.items():
        assert_same_bits(opt.params[name], table, name)


@every_rule
def test_tables_that_shrink_under_way_make_ids_wrong(rule, monkeypatch):
    monkeypatch.setattr(trainer, "SLICE", 1e-9)
    opt, fused = made(rule)

    def shrink(n):
        if n == 2:
            for state in ("params", "m", "v", "buffers"):
                arrays = getattr(opt, state, None)
                for name in ("item_factors", "item_bias") if arrays else ():
                    arrays[name] = arrays[name][:5].copy()

    with pytest.raises(IdRangeError, match=r"items\[\d+\]: id \d+ is outside \[0, 5\)"):
        fused.run(*arguments(), between=shrink)
    fused.run(*arguments(n_items=5))


@every_rule
def test_arrays_in_place_of_others_take_their_part(rule, monkeypatch):
    """Same shapes, other numbers, while rows wait: those of before are brought up to date."""
    monkeypatch.setattr(trainer, "SLICE", 1e-9)
    opt, fused = made(rule)
    other, second = made(rule)
    before = held(opt.params, "user_factors")
    fused.run(*arguments())
    second.run(*arguments())
    opt.params["user_factors"] = tables()["user_factors"]  # nothing reads the one that waits
    want = {name: table.copy() for name, table in other.params.items()}
    fused.run(*arguments(4, seed=3))
    assert_same_bits(before, want["user_factors"])
    want["user_factors"] = tables()["user_factors"]
    for name, table in want.items():
        other.params[name] = table
    second.run(*arguments(4, seed=3))
    for name, table in other.params.items():
        assert_same_bits(opt.params[name], table, name)


def test_memory_that_is_shared_has_no_fused_form_and_no_step():
    shared = tables(20, 20)
    shared["item_factors"] = shared["user_factors"]
    opt = optim.fastai_adam(shared)
    assert trainer_for(opt) is None
    with pytest.raises(UsageError, match=r"params\['item_factors'\]: shares memory with"):
        opt.step({name: np.zeros_like(table) for name, table in shared.items()})
    opt = optim.fastai_adam(tables(20, 20))
    opt.m["user_factors"] = opt.v["user_factors"]
    assert trainer_for(opt) is None


LOSSES = {
    "too short": (np.zeros(11), ShapeError),
    "too long": (np.zeros(13), ShapeError),
    "two axes": (np.zeros((12, 1)), ShapeError),
    "float16": (np.zeros(12, np.float16), DTypeError),
    "integers": (np.zeros(12, int), DTypeError),
    "list": ([0.0] * 12, DTypeError),
    "strided": (np.zeros(24)[::2], UsageError),
    "read-only": (np.broadcast_to(0.0, 12), UsageError),
}


@pytest.mark.parametrize("what", LOSSES)
def test_losses_have_room_for_every_step(what):
    losses, expected = LOSSES[what]
    opt, fused = made("adam")
    before = {name: table.copy() for name, table in opt.params.items()}
    with pytest.raises(expected, match="losses: "):
        fused.run(*arguments(), losses=losses)
    for name, table in before.items():
        assert_same_bits(opt.params[name], table, name)
    fused.run(*arguments(), losses=np.full(12, np.nan))  # the cure


def test_losses_are_no_part_of_a_table():
    opt, fused = made("adam")
    with pytest.raises(UsageError, match="losses: shares memory"):
        fused.run(*arguments(), losses=held(opt.params, "user_bias")[:12])


COUNTERS = [0, np.zeros(2, np.int64), np.zeros((), np.int64), np.zeros(1, np.int32), [0]]


@pytest.mark.parametrize("counter", COUNTERS, ids=str)
def test_steps_are_counted_in_one_int64(counter):
    _, fused = made("adam")
    with pytest.raises(ShapeError, match="counter: is not an int64 array"):
        fused.run(*arguments(), counter=counter)
    opt, fused = made("adam")
    opt.counts = {"t": counter}
    with pytest.raises(ShapeError, match=r"opt.counts\['t'\]: is not an int64 array"):
        fused.run(*arguments())


BAD = {
    "users": (0, ["a"], [0.5], [[0, 1]], [-1], [30], [2**40], None, {}),
    "items": (1, ["a"], [20], [-1], [0, 0], None),
    "rating": (2, ["a"], [[1.0]], [1j], [None], [1.0, 2.0], None, {}),
    "starts": (3, ["a"], [], [0], [0, 0, 1], [1, 0], [0, 2], [-1, 1], [[0, 1]], None),
    "lrs": (4, ["a"], [np.nan], [-1.0], [], [[0.1]], "fast", [1j], None, {}, {"nobody": [0.1]}),
    "moms": (5, ["a"], [1.0], [np.inf], [0.1, 0.2], {}, "none"),
}


@pytest.mark.parametrize("argument", BAD)
def test_every_argument_is_judged_before_anything_moves(argument):
    """Also where there are no steps at all."""
    place, *values = BAD[argument]
    for value in values:
        opt, fused = made("adam")
        given = [[0], [0], [1.0], [0, 1], [0.1], None]
        given[place] = value
        with pytest.raises(NpcfError):
            fused.run(*given)
        assert opt.t == fused.pending == 0
    with pytest.raises(SettingError):
        none = np.zeros(0, int)
        made("adam")[1].run(none, none, np.zeros(0), [0], {"user_bias": np.zeros(0)})
    with pytest.raises(UsageError, match="between: .*cannot be called"):
        made("adam")[1].run([0], [0], [1.0], [0, 1], [0.1], between=3)
    with pytest.raises(SettingError, match="batch_size"):
        trainer_for(optim.fastai_adam(tables()), batch_size=-1)


@every_rule
def test_arguments_may_be_used_again_while_steps_are_taken(rule, monkeypatch):
    """Ids, ratings, rates are npcf's own copies: the caller's buffers may hold anything by then."""
    monkeypatch.setattr(trainer, "SLICE", 1e-9)
    opt, fused = made(rule)
    given = [*arguments(), np.full(12, 0.5)] if rule != "sgd" else [*arguments()]
    want, other = made(rule)
    wanted = other.run(*(array.copy() for array in given))

    def spoil(n):
        for array in given:
            array[:] = 2**40 if array.dtype.kind == "i" else np.nan

    assert_same_bits(fused.run(*given, between=spoil), wanted)
    for name, table in want.params.items():
        assert_same_bits(opt.params[name], table, name)


def test_a_setting_that_is_spoilt_between_two_slices_is_refused(monkeypatch):
    monkeypatch.setattr(trainer, "SLICE", 1e-9)
    opt, fused = made("adam")
    with pytest.raises(SettingError, match="betas"):
        fused.run(*arguments(), between=lambda n: setattr(opt, "betas", (0.9, 2.0)))
    assert opt.t == 1


def test_runs_inside_runs_take_all_their_steps(monkeypatch):
    """A `between` that takes steps itself: one after the other, and all are counted."""
    monkeypatch.setattr(trainer, "SLICE", 1e-9)
    opt, fused = made("adam")
    want, other = made("adam")

    def more(n):
        if n == 5:
            fused.run(*arguments(3, seed=4))

    fused.run(*arguments(), between=more)
    users, items, rating, starts, lrs = arguments()
    other.run(users, items, rating, starts[:6], lrs[:5])
    other.run(*arguments(3, seed=4))
    other.run(users, items, rating, starts[5:], lrs[5:])
    assert opt.t == want.t == 15
    for name, table in want.params.items():
        assert_same_bits(opt.params[name], table, name)


@every_rule
def test_copies_and_pickles_of_a_trainer_go_on(rule):
    opt, fused = made(rule)
    fused.run(*arguments())
    others = copy.deepcopy(fused), pickle.loads(pickle.dumps(fused))
    fused.run(*arguments(seed=5))
    for other in others:
        other.run(*arguments(seed=5))
        assert other.optimizer is not opt
        for name, table in opt.params.items():
            assert_same_bits(other.optimizer.params[name], table, name)


# Learners


def dls(n=600, n_users=40, seed=0, bs=16):
    ratings = planted(n_users, 20, n, seed=3).ratings
    return CollabDataLoaders.from_ratings(ratings, bs=bs, rng=np.random.default_rng(seed))


def learner(n_users=40, **options):
    loaded = dls(n_users=n_users)
    rng = np.random.default_rng(1)
    model = models.DotProductBiasEmb(loaded.n_users, loaded.n_items, 3, rng=rng)
    return Learner(loaded, model, progress=False, **options)


def grow_model(learn, loaded):
    for side, n in (("user", loaded.n_users), ("item", loaded.n_items)):
        for name in (f"{side}_factors", f"{side}_bias"):
            table = grown(learn.model.params[name], n)
            learn.model.params[name] = learn.opt.params[name] = table


@pytest.mark.parametrize("backend", [None, "numpy"])
@pytest.mark.parametrize("deferred", [None, False])
def test_a_learner_whose_users_have_grown_says_what_to_do_and_it_works(backend, deferred):
    learn = learner(backend=backend, deferred=deferred)
    learn.fit(1, 1e-2)
    learn.dls = dls(4000, 900)
    grow_model(learn, learn.dls)
    with pytest.raises(ShapeError, match=r"opt\.m\['user_factors'\].*a Learner does so if opt is"):
        learn.fit(1, 1e-2)
    learn.opt = None
    learn.fit(1, 1e-2)
    assert np.isfinite(learn.validate()[0])


class Once(Callback):
    every = 5

    def __init__(self, do):
        self.do = do

    def after_step(self, learner):
        if learner.fit_state.step == 10:
            self.do(learner)


def swap_model_alone(learn):
    learn.model.params["user_factors"] = learn.model.params["user_factors"].copy()


def swap_both(learn):
    table = learn.model.params["user_factors"] + 0.25
    learn.model.params["user_factors"] = learn.opt.params["user_factors"] = table


def swap_optimizer(learn):
    learn.opt = optim.SGD(learn.model.params, 1e-2)


CHANGES = {
    "model's table": swap_model_alone,
    "both tables": swap_both,
    "optimiser": swap_optimizer,
    "range": lambda learn: setattr(learn.model, "y_range", (0.0, 6.0)),
    "backend": lambda learn: setattr(learn, "backend", "numpy"),
    "loss": lambda learn: setattr(learn, "loss_func", type("Own", (type(learn.loss_func),), {})()),
}


@pytest.mark.skipif(not kernels.compiles(), reason="NUMBA_DISABLE_JIT is set")
@pytest.mark.parametrize("what", CHANGES)
def test_what_a_callback_changes_in_the_middle_holds_from_there(what):
    """Fused and by the compiled operations, one by one: the same bits, whatever is changed."""
    fits = []
    for backend in (kernels, None):
        learn = learner(backend=backend, deferred=False, callbacks=[Once(CHANGES[what])])
        learn.fit_one_cycle(2, 1e-2)
        fits.append(learn)
    if what == "backend":  # NumPy's exp from there on, where a module of operations was given too
        assert [learn.execution.name for learn in fits] == ["reference", "reference"]
    for name in NAMES if what != "backend" else ():
        assert_same_bits(fits[1].model.params[name], fits[0].model.params[name], name)
        assert_same_bits(fits[1].opt.params[name], fits[0].opt.params[name], name)


def forget(learn):
    learn.opt = None


@pytest.mark.parametrize(
    ("do", "error", "words"),
    [
        (forget, UsageError, "opt: is None in the middle"),
        (lambda learn: grow_model(learn, dls(4000, 900)), ShapeError, r"opt\.m\['user_factors'\]"),
        (lambda learn: setattr(learn, "dls", dls(4000, 900)), IdRangeError, "users"),
        (lambda learn: setattr(learn, "dls", dls(bs=8)), ShapeError, "dls: has .* batches"),
        (
            lambda learn: setattr(learn.dls.train, "batch_size", 8),
            ShapeError,
            "dls: has .* batches",
        ),
    ],
)
@pytest.mark.parametrize("backend", [None, "numpy"])
def test_what_cannot_be_changed_in_the_middle_is_refused(do, error, words, backend):
    learn = learner(backend=backend, callbacks=[Once(do)])
    with pytest.raises(error, match=words):
        learn.fit(2, 1e-2)
    assert learn.fit_state.step >= 10


# Memory


def used(rule):
    """Return a trainer's tables, weakly: nobody holds them any more."""
    opt, fused = made(rule)
    fused.run(*arguments())
    kept = [weakref.ref(held(opt.params, name)) for name in NAMES]
    kept += [weakref.ref(array) for array in getattr(opt, "m", {}).values()]
    return [*kept, weakref.ref(opt), weakref.ref(fused), weakref.ref(fused.loops)]


def fitted(**options):
    learn = learner(**options)
    learn.fit(1, 1e-2)
    kept = [weakref.ref(held(learn.model.params, name)) for name in NAMES]
    kept += [weakref.ref(x) for x in (learn, learn.opt, learn.model, learn.dls.train.ratings)]
    return kept


@pytest.mark.parametrize(
    "make",
    [
        *(lambda r=r: used(r) for r in RULES),
        fitted,
        lambda: fitted(backend="numpy"),
        lambda: fitted(deferred=True),
    ],
)
def test_tables_go_with_their_last_user(make):
    """With no help from the collector of cycles, which counts objects and not bytes."""
    make()
    gc.collect()
    gc.disable()
    try:
        kept = make()
        assert [x() for x in kept] == [None] * len(kept)
    finally:
        gc.enable()


def test_a_trainer_that_is_gone_has_left_the_means_to_read_its_tables():
    opt, fused = made("adam")
    want, other = made("adam")
    fused.run(*arguments())
    del fused
    other.run(*arguments())
    other.flush()
    assert_same_bits(opt.params["user_factors"], want.params["user_factors"])


def test_ratings_of_a_learner_are_not_held_by_its_model():
    learn = learner()
    learn.fit(1, 1e-2)
    ratings = weakref.ref(learn.dls.train.ratings)
    assert isinstance(ratings(), Ratings)
    model = learn.model
    del learn
    assert ratings() is None
    assert np.isfinite(model.params["user_factors"]).all()


def test_one_mapping_of_optimiser_and_model_stays_one():
    """A table that the optimiser is given later is the model's too, as before the first fit."""
    tables = {n: np.full(shape, 0.1) for n, shape in (
        ("user_factors", (5, 2)), ("item_factors", (5, 2)), ("user_bias", (5,)), ("item_bias", (5,))
    )}  # fmt: skip
    model = models.PairModel(tables, (0.0, 5.5))
    opt = optim.SGD(model.params, 0.1)
    assert opt.params is model.params
    fused = trainer_for(opt, (0.0, 5.5))
    fused.attach(model)
    assert opt.params is model.params
    opt.params["user_factors"] = np.full((5, 2), 0.2)
    fused.run([0, 1], [1, 2], [4.0, 5.0], [0, 1, 2], [0.1, 0.1])
    assert model.params["user_factors"][0, 0] > 0.2
    apart = optim.SGD(dict(model.params), 0.1)
    trainer_for(apart, (0.0, 5.5)).attach(models.PairModel(dict(apart.params), (0.0, 5.5)))
    assert apart.params is not model.params
