"""What holds before a number is computed: groups, requires_grad, dtypes, modes, tied tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from npcf.crosscheck.evidence import Evidence, Fact, Intended
from npcf.crosscheck.intended import live_settings
from npcf.crosscheck.subject import Subject, unwrapped
from npcf.crosscheck.torch_objects import dtype_name

RANDOM_LAYERS = ("Dropout", "AlphaDropout", "FeatureAlphaDropout")
NORM_LAYERS = ("BatchNorm", "SyncBatchNorm", "InstanceNorm")
HOLD = "Give it all of them: torch.optim.AdamW(model.parameters(), lr=...)."
ASK = (
    "the optimizer's own settings are taken for meant, so wrong ones cannot be seen: say what you "
    'meant, intended=dict(optimizer="adamw", lr=..., weight_decay=...)'
)


def contract_facts(subject: Subject, evidence: Evidence) -> Iterator[Fact]:
    """Go through what breaks the contract between model, optimizer and caller."""
    yield from _tied(subject.tables, evidence.paths)
    yield from _kinds(subject.tables, evidence.paths)
    yield from _modes(subject.model)
    optimizer = subject.optimizer
    if optimizer is not None:
        yield from _groups(subject, unwrapped(optimizer), evidence.paths)
    yield from _frozen(subject, evidence.paths)
    live = None if optimizer is None else live_settings(optimizer, subject.tables)
    if evidence.intended is not None and live is not None and not evidence.intended.live:
        yield from _rates(live, evidence.intended)


def contract_notes(subject: Subject, evidence: Evidence) -> Iterator[str]:
    """Go through what is said, neither right nor wrong."""
    if subject.optimizer is not None and evidence.intended is None:
        kind = type(unwrapped(subject.optimizer)).__name__
        yield f"what {kind} should do is not known: say it, intended=dict(optimizer=..., lr=...)"
    elif evidence.intended is not None and evidence.intended.live:
        yield ASK
    left = [
        path
        for path, p in subject.parameters().items()
        if p.grad is not None and not p.grad.is_sparse and bool(p.grad.any())
    ]
    if left and subject.step is None:
        yield (
            f"gradients from before are still in {', '.join(left)}: well if your step begins with "
            "optimizer.zero_grad(), which can only be seen with step=..."
        )


def _tied(tables: Mapping[str, Any], paths: Mapping[str, str]) -> Iterator[Fact]:
    names = list(tables)
    for k, first in enumerate(names):
        for second in names[k + 1 :]:
            if tables[first].data_ptr() == tables[second].data_ptr():
                sentence = f"{first} and {second} are one array ({paths[first]})."
                cure = "Give each table a parameter of its own."
                yield Fact("contract", "tied-tables", sentence, cure, True)


def _kinds(tables: Mapping[str, Any], paths: Mapping[str, str]) -> Iterator[Fact]:
    for what, kinds in (
        ("dtype", {name: dtype_name(table) for name, table in tables.items()}),
        ("device", {name: str(table.device) for name, table in tables.items()}),
    ):
        if len(set(kinds.values())) > 1:
            listed = ", ".join(f"{paths[name]} {kind}" for name, kind in kinds.items())
            cure = "Use one for all: model.float(), or model.to(device)."
            yield Fact("contract", f"mixed-{what}s", f"Tables differ in {what}: {listed}.", cure,
                       False)  # fmt: skip


def _modes(model: Any) -> Iterator[Fact]:
    for path, layer in [] if model is None else model.named_modules():
        kind = type(layer).__name__
        random = kind.startswith(RANDOM_LAYERS) and getattr(layer, "p", 1) > 0
        if layer.training and (random or kind.startswith(NORM_LAYERS)):
            does = "draws random numbers" if random else "uses the batch's own statistics"
            sentence = f"{path} ({kind}) is in training mode and {does}."
            yield Fact("contract", "training-mode", sentence, "model.eval()", False)


def _groups(subject: Subject, optimizer: Any, paths: Mapping[str, str]) -> Iterator[Fact]:
    members = [p for group in optimizer.param_groups for p in group["params"]]
    times = {name: sum(p is table for p in members) for name, table in subject.tables.items()}
    if not any(times.values()):
        sentence = "The optimizer holds none of the model's tables: they never move."
        yield Fact("contract", "optimizer-of-another-model", sentence, HOLD, True)
        return
    missing = [paths[name] for name, n in times.items() if not n]
    if missing:
        wrong = any(subject.tables[name].requires_grad for name, n in times.items() if not n)
        sentence = f"{', '.join(missing)} is in no group of the optimizer: it never moves."
        yield Fact("contract", "in-no-group", sentence, HOLD, wrong)
    twice = [paths[name] for name, n in times.items() if n > 1]
    if twice:
        sentence = f"{', '.join(twice)} is in the optimizer's groups more than once."
        yield Fact("contract", "in-two-groups", sentence, "Put it into one group.", True)
    own = {id(p) for p in subject.parameters().values()} | {id(t) for t in subject.tables.values()}
    strangers = sum(id(p) not in own for p in members)
    if strangers:
        sentence = f"The optimizer holds {strangers} parameters that the model does not have."
        yield Fact("contract", "strange-parameters", sentence, HOLD, False)


def _frozen(subject: Subject, paths: Mapping[str, str]) -> Iterator[Fact]:
    frozen = [paths[name] for name, table in subject.tables.items() if not table.requires_grad]
    if frozen:
        sentence = f"{', '.join(frozen)} requires no gradient: it is not trained."
        cure = "p.requires_grad_(True), if it should be trained."
        yield Fact("contract", "frozen", sentence, cure, False)


def _rates(live: Intended, meant: Intended) -> Iterator[Fact]:
    rate, wanted = live.settings["lr"], meant.settings["lr"]
    if rate != wanted:
        sentence = f"The optimizer's lr is {rate:g}, {wanted:g} is meant: does a schedule set it?"
        yield Fact("contract", "another-rate", sentence, "Compare it with your schedule.", False)
