"""A decoder-only transformer of the llama architecture, small enough to train on a CPU in minutes.

Root-mean-square norms, rotary positions over interleaved pairs (the order that GGUF's "llama" expects, so that nothing
is permuted on export), gated feed-forward layers, and an output layer that shares the embedding's weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

NORM_EPSILON = 1e-5
ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class Shape:
    """The sizes of a network; `width` is divisible by `heads`, and their quotient is even."""

    width: int
    layers: int
    heads: int = 4
    vocabulary: int = 262
    context: int = 1024

    @property
    def hidden(self) -> int:
        """Width of the feed-forward layers: 8/3 of the width, rounded up to a block of Q8_0 (32 weights)."""
        return (self.width * 8 // 3 + 31) // 32 * 32


class Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight, NORM_EPSILON)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turns each interleaved pair of a head by its position's angle; x is [batch, head, position, size]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1).flatten(-2)


class Layer(nn.Module):
    """Attention and a gated feed-forward network, each behind a norm and added to its input."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attn_norm, self.ffn_norm = Norm(shape.width), Norm(shape.width)
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (
            nn.Linear(shape.width, shape.width, bias=False) for _ in range(4))
        self.ffn_gate, self.ffn_up = (nn.Linear(shape.width, shape.hidden, bias=False) for _ in range(2))
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        normed = self.attn_norm(x)
        query, key, value = (
            project(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.attn_q, self.attn_k, self.attn_v))
        attended = functional.scaled_dot_product_attention(
            rotate(query, cosine, sine), rotate(key, cosine, sine), value, is_causal=True)
        x = x + self.attn_output(attended.transpose(1, 2).flatten(-2))
        normed = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


class Network(nn.Module):
    """Tokens [batch, position] to logits [batch, position, vocabulary]; positions up to `shape.context`.

    Parameters carry the names of their GGUF tensors, so that export needs no table of names.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width)
        size = shape.width // shape.heads
        frequencies = ROTARY_BASE ** (-torch.arange(0, size, 2).float() / size)
        angles = torch.arange(shape.context).float()[:, None] * frequencies
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        self.initialise()

    def initialise(self) -> None:
        """Normal weights scaled by fan-in; what is added to the residual stream starts smaller, by depth."""
        nn.init.normal_(self.token_embd.weight, std=0.05)
        for name, weight in self.blk.named_parameters():
            if weight.dim() == 2:
                onto_residual = name.endswith(("attn_output.weight", "ffn_down.weight"))
                depth = 2 * self.shape.layers if onto_residual else 1
                nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1] * depth))

    def forward(self, tokens: Tensor, asked: Tensor) -> Tensor:
        """Logits at the positions that `asked`, a mask of the shape of `tokens`, names."""
        length = tokens.shape[1]
        x = self.token_embd(tokens)
        for layer in self.blk:
            x = layer(x, self.cosine[:length], self.sine[:length])
        return functional.linear(self.output_norm(x[asked]), self.token_embd.weight)
