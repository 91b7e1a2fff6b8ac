"""Reports made by hand: every field is filled, with the characters that HTML must escape."""

import numpy as np

from npcf.crosscheck.evidence import TABLES, Evidence, Fact
from npcf.crosscheck.report import Report
from npcf.crosscheck.verdict import (
    NOT_SEEN,
    RIGHT,
    SUSPICIOUS,
    WRONG,
    Diagnosis,
    Reduced,
    Stage,
    Worst,
)

CODE = """\
pred = torch.tensor([[2.75], [2.5]], requires_grad=True)
rating = torch.tensor([4.0, 1.0])
print("yours:", loss(pred, rating).item())
print("right:", 1.90625)"""
WHERE = "probe 'designed', user_factors of user 17, factor 3"


def evidence(**more):
    return Evidence(
        944, 1683, 50, np.dtype(np.float32), (0, 5.5),
        paths={name: f"{name}.weight" for name in TABLES},
        notes=["users are taken to be column 0"],
        facts=[Fact("contract", "float64", "The rating is float64 & is cast down.", "", False)],
    )  # fmt: skip


def right():
    stages = [
        Stage("contract", RIGHT), Stage("mapping", RIGHT, message="by the parameters' names"),
        Stage("output", RIGHT, 0.41, 231, Worst("probe 'designed', rating 3", 2.7, 2.7, 2e-7)),
        Stage("loss", RIGHT, 0.11, 66), Stage("gradient", RIGHT, 0.56, 12345),
        Stage("step", NOT_SEEN, message="no optimizer was given"),
    ]  # fmt: skip
    return Report(evidence(), stages, [], seconds=0.21)


def suspicious():
    stages = [
        Stage("output", SUSPICIOUS, 0.97, 231, Worst(WHERE, 2.71, 2.70, 2e-2),
              "the differences have a mean of .4 of the bound"),
        Stage("loss", RIGHT, 0.11, 66),
    ]  # fmt: skip
    return Report(evidence(), stages, [], seconds=0.21)


def nothing():
    return Report(evidence(), [Stage("output", NOT_SEEN)], [])


def wrong(diagnosed=True):
    stages = [
        Stage("contract", RIGHT), Stage("mapping", RIGHT), Stage("output", RIGHT, 0.41, 231),
        Stage("loss", WRONG, 3.2e6, 66, Worst("probe 'yours'", 3.2514, 2.7143, 4.1e-7),
              "loss is <nan> & every pair of 64 x 64 counts", ("It is 1.19788 times too large.",)),
        Stage("gradient", WRONG, np.inf, 12345, Worst(WHERE, np.nan, 0.125, 1e-8), "NaN"),
        Stage("step", NOT_SEEN, message="no optimizer was given"),
    ]  # fmt: skip
    found = [
        Diagnosis(
            "broadcast_pairs", ("broadcast_pairs",),
            "The loss averages 4,096 pairs instead of 64: pred is (64, 1), rating (64,).",
            "loss = F.mse_loss(pred.view(-1), rating)", True, explains=("loss", "gradient"),
        ),
        Diagnosis(
            "loss_sum + y_range", ("loss_sum", "y_range"), "The squares are summed, not averaged.",
            "loss = F.mse_loss(pred, rating)\ny_range = (0, 5.5)", False,
            parameters={"y_range": (0.5, np.float64(6.0))}, equivalent=("lr_factor",),
            split_by="a batch of another size.",
        ),
    ]  # fmt: skip
    ids = np.array([0, 0])
    small = Reduced(
        ids, ids + 1, np.float32([4, 1]), CODE, "loss", "yours",
        {"user_factors": np.float32([[0.5]])}, {}, np.float32(3.25), np.float32(1.9),
    )  # fmt: skip
    ruled_out = [f"mistake_{i}" for i in range(80)]
    return Report(evidence(), stages, found if diagnosed else [], small, ruled_out, 0.44)


ALL = {
    "right": right, "suspicious": suspicious, "nothing": nothing, "wrong": wrong,
    "unexplained": lambda: wrong(diagnosed=False),
}  # fmt: skip
