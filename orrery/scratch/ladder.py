"""The ladder: eight models of what comes next, each a rung above the one before, on the same names.

    orrery ladder
    orrery ladder --data names.txt --plot ladder.svg

counts of pairs · the same as a network · an MLP over the last few characters · with batch normalisation · a recurrent
network · LSTM · GRU · Transformer. Each class says what it adds. The models are those of Karpathy's makemore lectures.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# B sequences, T positions, N windows, V tokens, D width, H heads


class Rung(nn.Module):
    """What every model has."""

    window: int = 0
    """How many of the last tokens it reads, given as [N, window], to score the next one [N, V]. Where it is 0, it reads
    whole sequences [B, T] and scores what follows each position [B, T, V]."""
    rate: float
    """The learning rate it trains with."""


class BigramCounts(Rung):
    """How often does b follow a? One pass of counting and nothing else, with one added to every count."""

    window = 1

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.counts: Tensor
        self.register_buffer("counts", torch.ones(vocabulary, vocabulary))

    def count(self, x: Tensor, y: Tensor) -> None:
        """Windows [N, 1] and what followed them [N]."""
        self.counts.index_put_((x[:, -1], y), torch.ones(len(y)), accumulate=True)

    def forward(self, x: Tensor) -> Tensor:
        return (self.counts / self.counts.sum(1, keepdim=True)).log()[x[:, -1]]


class BigramNetwork(Rung):
    """The same table found by gradient descent: a row of scores for each token. It can only meet the counts."""

    window, rate = 1, 0.03

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.scores = nn.Embedding(vocabulary, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(x[:, -1])


class MLP(Rung):
    """Several characters at once: each becomes a vector, the vectors stand side by side, one hidden layer reads them.

    Bengio et al. 2003, "A neural probabilistic language model", without the direct connections.
    """

    window, rate = 5, 0.005

    def __init__(self, vocabulary: int, width: int = 16, hidden: int = 200) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.hidden = nn.Linear(self.window * width, hidden)
        self.tanh = nn.Tanh()
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.tanh(self.hidden(self.embedding(x).flatten(1))))


class BatchNormMLP(Rung):
    """The MLP whose hidden layer sees its inputs brought to mean 0 and variance 1 over the batch (arXiv 1502.03167).

    tanh then starts in its steep middle. The bias before it would be taken off again, so there is none.
    """

    window, rate = 5, 0.005

    def __init__(self, vocabulary: int, width: int = 16, hidden: int = 200) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.hidden = nn.Linear(self.window * width, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.tanh = nn.Tanh()
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.tanh(self.norm(self.hidden(self.embedding(x).flatten(1)))))


class RNN(Rung):
    """A memory instead of a window: one state, made anew at each character from that character and the state before.

    Elman 1990, "Finding structure in time"; Mikolov et al. 2010 for language.
    """

    rate = 0.005

    def __init__(self, vocabulary: int, width: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.state = nn.Linear(width + hidden, hidden)
        self.tanh = nn.Tanh()
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(len(x), self.state.out_features)
        states = []
        for token in self.embedding(x).unbind(1):
            h = self.tanh(self.state(torch.cat([token, h], 1)))
            states.append(h)
        return self.output(torch.stack(states, 1))


class LSTM(Rung):
    """A memory that is added to, not made anew, so that gradients reach far back; gates say what to keep, add and show.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000, which begins open.
    """

    rate = 0.005

    def __init__(self, vocabulary: int, width: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.gates = nn.Linear(width + hidden, 4 * hidden)
        nn.init.ones_(self.gates.bias[:hidden])
        self.sigmoid, self.tanh = nn.Sigmoid(), nn.Tanh()
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        h = c = torch.zeros(len(x), self.output.in_features)
        states = []
        for token in self.embedding(x).unbind(1):
            gates, new = self.gates(torch.cat([token, h], 1)).tensor_split([3 * h.shape[1]], 1)
            keep, add, show = self.sigmoid(gates).chunk(3, 1)
            c = keep * c + add * self.tanh(new)
            h = show * self.tanh(c)
            states.append(h)
        return self.output(torch.stack(states, 1))


class GRU(Rung):
    """The LSTM made simpler: one state, a gate for how much of it is renewed, another for what of it the news looks at.

    Cho et al. 2014, arXiv 1406.1078, equations 5 to 8.
    """

    rate = 0.005

    def __init__(self, vocabulary: int, width: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.gates = nn.Linear(width + hidden, 2 * hidden)
        self.new = nn.Linear(width + hidden, hidden)
        self.sigmoid, self.tanh = nn.Sigmoid(), nn.Tanh()
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(len(x), self.output.in_features)
        states = []
        for token in self.embedding(x).unbind(1):
            keep, look = self.sigmoid(self.gates(torch.cat([token, h], 1))).chunk(2, 1)
            h = keep * h + (1 - keep) * self.tanh(self.new(torch.cat([token, look * h], 1)))
            states.append(h)
        return self.output(torch.stack(states, 1))


class Block(nn.Module):
    """Look back at what is there (attention), then think about it (MLP); each adds to the stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.up, self.relu, self.down = nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        split = self.query_key_value(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1))  # [B, T, 3, H, D/H]
        query, key, value = split.transpose(1, 3).unbind(2)  # [B, H, T, D/H] each
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.mix(found.transpose(1, 2).flatten(2))
        return x + self.down(self.relu(self.up(self.mlp_norm(x))))


class Transformer(Rung):
    """No memory to squeeze everything through: every position looks at every earlier one itself, all at the same time.

    Vaswani et al. 2017, arXiv 1706.03762, the decoder, with norms before the blocks as in GPT-2.
    """

    rate = 0.003

    def __init__(self, vocabulary: int, width: int = 64, heads: int = 4, layers: int = 3, context: int = 256) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm, self.output = nn.RMSNorm(width), nn.Linear(width, vocabulary, bias=False)
        for table in (self.embedding, self.position):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        stream = self.embedding(x) + self.position(torch.arange(x.shape[1]))
        return self.output(self.norm(self.blocks(stream)))


RUNGS: dict[str, type[Rung]] = {
    "bigram-counts": BigramCounts,
    "bigram-network": BigramNetwork,
    "mlp": MLP,
    "mlp-batchnorm": BatchNormMLP,
    "rnn": RNN,
    "lstm": LSTM,
    "gru": GRU,
    "transformer": Transformer,
}
