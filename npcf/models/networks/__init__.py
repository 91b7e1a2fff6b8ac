"""Networks of the sources: embeddings side by side, then layers; forward and backward by hand."""

from npcf.models.networks.embedding_nn import EmbeddingNN as EmbeddingNN
from npcf.models.networks.embedding_nn import emb_sz_rule as emb_sz_rule
from npcf.models.networks.embedding_nn import get_emb_sz as get_emb_sz
from npcf.models.networks.network import Network as Network
from npcf.models.networks.network import NetworkCache as NetworkCache
from npcf.models.networks.pair_networks import CollabNN as CollabNN
from npcf.models.networks.pair_networks import EmbeddingNet as EmbeddingNet
