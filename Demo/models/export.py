"""Writes a trained network as a GGUF file that llama.cpp serves."""

from __future__ import annotations

from pathlib import Path

from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import quantize

from models import vocabulary
from models.network import NORM_EPSILON, ROTARY_BASE, Network


def export(network: Network, path: Path, name: str) -> None:
    """Writes matrices in 8 bits (Q8_0, about 8.5 bits a weight) and norms in 32."""
    shape = network.shape
    writer = GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_license("Apache-2.0")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(ROTARY_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    add_vocabulary(writer)
    for parameter_name, parameter in network.named_parameters():
        weights = parameter.detach().float().numpy()
        if weights.ndim == 2:
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(parameter_name, quantize(weights, kind), raw_dtype=kind)
        else:
            writer.add_tensor(parameter_name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_vocabulary(writer: GGUFWriter) -> None:
    """Adds the byte-level vocabulary, its marks and the chat template."""
    kinds = [TokenType.NORMAL] * 256 + [TokenType.CONTROL] * len(vocabulary.MARKS) + [TokenType.NORMAL]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.TOKENS)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(vocabulary.UNUSED_MERGE)])
    writer.add_eos_token_id(vocabulary.END)
    writer.add_bos_token_id(vocabulary.END)
    writer.add_pad_token_id(vocabulary.PADDING)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(vocabulary.CHAT_TEMPLATE)
