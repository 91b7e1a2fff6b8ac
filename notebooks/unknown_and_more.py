# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The row of nobody, users never seen, sums in a table, more films
#
# Four questions around the edges of the lesson: what is `#na#`, what does the model say of somebody it has
# never seen, why does the lesson *sum* ratings to show them, and how does the spreadsheet get more films?

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import npcf
from npcf.cli import main
from npcf.data import CollabDataLoaders, crosstab
from npcf.teach.sheet import sheet_tabs
from npcf.teach.sheet_table import drawn_table

folder = os.environ.get("NPCF_DATA")
if folder:
    everything = npcf.data.read_ml100k(f"{folder}/ml-100k")
else:
    everything = npcf.data.planted().ratings

# %% [markdown]
# ## What is `#na#`?
#
# fastai's tables have a row more than there are users, and a row more than there are films:

# %%
tables, batches = np.random.default_rng(0).spawn(2)
dls = CollabDataLoaders.from_ratings(everything, bs=64, rng=batches)
model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, 50, rng=tables)
for name, labels in dls.classes.items():
    print(f"{name:6} {len(labels):5} rows, the first of them {labels[:3]}")

# %% [markdown]
# The first row stands for "none of these". No rating names it, so no gradient ever reaches it. What
# moves it is decay alone, which reaches every row:

# %%
start = {name: table[0].copy() for name, table in model.params.items()}
learn = npcf.Learner(dls, model, on_epoch=lambda row: None)
learn.fit_one_cycle(5, 5e-3, wd=0.1)
kept = np.prod(1 - learn.steps["lr"] * 0.1)  # of a number that decay alone moves
for name, table in model.params.items():
    ratio = np.linalg.norm(table[0]) / np.linalg.norm(start[name])
    print(f"{name:13} length of the first row, in units of its start: {ratio:.3f}")
print(f"the product of all 1 - lr wd:                               {kept:.3f}")

# %% [markdown]
# So the row of nobody is noise from the start, a bit smaller. What it predicts for a film is the film's bias
# and next to nothing else. Is that a good answer for a stranger?

# %% [markdown]
# ## Users never seen
#
# The lesson gives every id of the file a row before it splits. So a user whose ratings all fall into the
# validation set has a row that was never trained, and nobody notices. With `vocabulary="train"` rows go to
# users seen in training only, and the others are counted. To have some, let a tenth of the users be new:

# %%
rng = np.random.default_rng(1)
new_users = rng.choice(np.arange(1, everything.n_users), everything.n_users // 10, replace=False)
is_new = np.isin(everything.users, new_users)
ids = {
    "user": everything.user_vocab.ids.to_numpy()[everything.users - 1],
    "item": everything.item_vocab.ids.to_numpy()[everything.items - 1],
}
frame = pd.DataFrame(ids | {"rating": everything.rating})
known, unseen = frame[~is_new], frame[is_new]

dls = CollabDataLoaders.from_df(known, valid_pct=0.1, seed=42, bs=64, vocabulary="train")
model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, 50, rng=np.random.default_rng(0))
npcf.Learner(dls, model, on_epoch=lambda row: None).fit_one_cycle(5, 5e-3, wd=0.1)
predictor = npcf.analysis.Predictor.of(model, dls.train.ratings)
unseen = unseen[unseen["item"].isin(predictor.item_vocab.ids)]
print(f"{unseen['user'].nunique()} users never seen, with {len(unseen):,} ratings")

# %% [markdown]
# Asked for one of them the model refuses, unless it is told what to do:

# %%
stranger = unseen["user"].iloc[0]
try:
    predictor.predict([stranger], [unseen["item"].iloc[0]])
except npcf.errors.UnknownIdError as error:
    print(str(error).replace(". ", ".\n"))


# %%
def rmse(predicted, frame=unseen):
    """Return the RMSE of predictions for the ratings of `frame`."""
    return npcf.training.rmse(np.asarray(predicted, float), frame["rating"].to_numpy(float))


ways = {
    "the mean of all ratings": np.full(len(unseen), predictor.mean_rating),
    'the row `#na#` ("na")': predictor.predict(unseen["user"], unseen["item"], unknown="na"),
    'the mean user ("mean")': predictor.predict(unseen["user"], unseen["item"], unknown="mean"),
}
pd.Series({name: rmse(found) for name, found in ways.items()}, name="RMSE").round(2)

# %% tags=["prose"]
na, mean_user = (rmse(ways[name]) for name in ('the row `#na#` ("na")', 'the mean user ("mean")'))
p = model.core_params()
of_bias = p["user_bias"][1:].mean()
of_factors = (p["item_factors"][1:] @ p["user_factors"][1:].mean(axis=0)).mean()
Markdown(
    f"The row of nobody, which fastai uses, is {'worse' if na > mean_user else 'better'} than the mean "
    f"user ({na:.2f} against {mean_user:.2f}). It lacks what all users share. Of the logit of an average "
    f"prediction, {of_bias:.2f} is the mean of the users' biases, {of_factors:.2f} comes of the mean of their "
    f"factors, and {p['item_bias'][1:].mean():.2f} of the films' biases: decay spreads the height of the "
    "ratings over all tables, and the row of nobody has the last part only."
)

# %% [markdown]
# Better: the stranger rates a few films, and his row is computed from these, all films' rows staying as
# they are (*folding in*). His other ratings are to be predicted:


# %%
def after(n_given):
    """Return the RMSE on the 11th and later ratings of each new user who gave `n_given` before."""
    errors = []
    for _, his in unseen.groupby("user"):
        first, later = his[:n_given], his[10:]
        if not len(later):
            continue
        if n_given:
            found = npcf.analysis.fold_in(
                predictor, first["item"], first["rating"], weight_decay=0.3
            )
            predicted = found.predict(later["item"])
        else:
            predicted = predictor.predict(later["user"], later["item"], unknown="mean")
        errors.append(predicted - later["rating"].to_numpy())
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


given = (0, 1, 2, 3, 5, 10)
folded = [after(n) for n in given]
figure, axes = plt.subplots(figsize=(5, 2.8))
axes.plot(given, folded, "o-")
axes.set(title="RMSE on a new user's later ratings", xlabel="ratings he has given", xticks=given)
axes.set_ylim(0, 1.1 * max(folded))
plt.show()

# %%
pd.Series(folded, index=pd.Index(given, name="ratings given"), name="RMSE").round(2)

# %% tags=["prose"]
enough = next(n for n, found in zip(given, folded, strict=True) if n and found < folded[0])
Markdown(
    f"It takes {enough} ratings until that is better than the mean user: folding in pulls towards a user of "
    f"zeros, for which the same holds as for the row of nobody. With {given[-1]} it is {folded[-1]:.2f}."
)

# %% [markdown]
# ## Why `np.sum`?
#
# > Also when we make the crosstab we do `pd.crosstab(crosstab.userId, crosstab.movieId, crosstab.rating,
# > aggfunc=np.sum)`. Why do we need the np.sum? I understand it adds values but what values are there to
# > add? (wiki of lesson 5)
#
# A cell of the table may have several rows of the list, so something has to be said about them. Without
# ratings pandas counts the rows; with ratings and nothing said it refuses:

# %%
few = pd.DataFrame({"user": [1, 1, 2], "item": [10, 20, 10], "rating": [3.0, 4.0, 5.0]})
try:
    pd.crosstab(few["user"], few["item"], few["rating"])
except ValueError as error:
    print("ValueError:", error)
pd.crosstab(few["user"], few["item"])

# %% [markdown]
# Where each pair occurs once, a sum of one rating is that rating, and so is a mean. The lesson could have named
# either. Where a pair occurs twice it matters:

# %%
once = {how: crosstab(few, aggfunc=how) for how in ("sum", "mean", "last", "error")}
print("all the same:", all(table.equals(once["sum"]) for table in once.values()))

twice = pd.concat([few, few[:1]])  # the same rating, stored a second time
pd.DataFrame({how: crosstab(twice, aggfunc=how).loc[1] for how in ("sum", "mean", "last")})

# %% tags=["prose"]
summed = crosstab(twice, aggfunc="sum").loc[1, 10]
Markdown(
    f"The sum says {summed:g} stars, which nobody gave and no cell of a five-star table can hold. "
    'So `npcf.data.crosstab` refuses a pair that occurs twice unless told what to do (`aggfunc="error"`):'
)

# %%
try:
    crosstab(twice)
except npcf.errors.DataError as error:
    print(str(error).replace(". ", ".\n"))

# %%
repeated = int(everything.n_duplicates)
print(f"pairs that are rated twice among these {len(everything):,} ratings: {repeated}")

# %% [markdown]
# ## More users, more films
#
# > In lesson 5 there is an Microsoft Excel spreadsheet, how do I add more movies and more users to the
# > spreadsheet? (wiki of lesson 5)
#
# By hand: a row of weights for each user, a column for each film, the ratings between them, and then every
# formula's ranges. The command writes the workbook in the size that is asked for, live, with the
# values filled in:

# %%
book = str(Path(tempfile.mkdtemp()) / "lesson.xlsx")
os.chdir(Path(book).parent)
for users, movies in ((15, 15), (20, 30)):
    main(["sheet", "lesson.xlsx", "--users", str(users), "--movies", str(movies), "--factors", "5"])
    print()

# %% [markdown]
# The tab `bias` of the last one has a formula in each of these cells; the last is a prediction:

# %%
tab = next(t for t in sheet_tabs(drawn_table(20, 30, 5, 0)) if t.name == "bias")
formulas = [str(cell.content.text) for cell in tab.cells.values() if hasattr(cell.content, "text")]
print(len(formulas), "formulas in the tab; the last one:")
print(formulas[-1])

# %% [markdown]
# It is read back as well, and so is the lesson's own `collab_filter.xlsx`; gradient descent goes on from
# whatever weights stand in it:

# %%
assert main(["sheet", "--read", "lesson.xlsx"]) == 0

# %% [markdown]
# **Where it is in the code:** `npcf/data/vocabulary.py` (the row of nobody), `npcf/analysis/fold_in.py`,
# `npcf/data/crosstab.py`, `npcf/teach/sheet.py`.
