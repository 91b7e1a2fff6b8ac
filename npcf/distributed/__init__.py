"""SGD one rating at a time on a Dask cluster: the bits of one machine, after any fault.

    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
        trainer = npcf.distributed.PerRatingSGD(n_factors=64, lr=0.01)
        trainer.fit(ratings, n_epochs=20, client=client)
        trainer.model, trainer.history

Read in this order; each module says what it does before how.

    order       which block is trained next, and who gets its items then
    blocks      the ratings on the disk, a set of files for each group of users
    cuts        what all workers hold at the end of an epoch, saved without waiting
    share       what one worker holds, and a block of it trained
    job         what a client and its workers tell each other
    holder      a worker's share as a Dask actor: threads, messages from worker to worker
    crew        the actors of one attempt, as the client sees them
    run         a fit: attempts until it is done, its history, the folder that it is kept in
    cluster     a client: the caller's own, of this machine, of an address
    per_rating  PerRatingSGD, as on one machine

Needs the extra `distributed`.
"""

from typing import TYPE_CHECKING

from npcf.distributed.per_rating import PerRatingSGD
from npcf.suggestions import suggesting

__all__ = ["PerRatingSGD"]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)
