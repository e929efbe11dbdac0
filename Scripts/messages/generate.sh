#!/bin/sh
# Generates the C and Swift code of every .proto file.
#
#   generate.sh [--protos DIR] [--out DIR]
#
# --protos  where the .proto files are (default: Protos of this repository)
# --out     the root to write below, laid out as this repository (default: this repository itself)
#
# Needs protoc, protoc-c (Debian: protobuf-compiler, protobuf-c-compiler) and python3, nothing else.
# Lists of .proto files are names without white space, to be split.
# shellcheck disable=SC2086
set -eu
export LC_ALL=C

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
protos=$root/Protos
out=$root
while [ $# -gt 0 ]; do
    case $1 in
        --protos) protos=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        *)
            echo "generate.sh: unknown argument '$1'; usage: generate.sh [--protos DIR] [--out DIR]" >&2
            exit 64
            ;;
    esac
done
for tool in protoc protoc-c python3; do
    if ! command -v "$tool" >/dev/null; then
        echo "generate.sh: $tool is missing; apt-get install protobuf-compiler protobuf-c-compiler python3" >&2
        exit 69
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# c_code PROTO_ROOT TARGET FILES...: protoc-c's structs, the headers below include/ and the sources below Generated/.
c_code() {
    from=$1; target=$2; shift 2
    rm -rf "$work/c" "$target/Generated"
    if [ -d "$target/include" ]; then find "$target/include" -name '*.pb-c.h' -exec rm {} +; fi
    mkdir -p "$work/c" "$target/Generated" "$target/include"
    (cd "$from" && protoc-c -I. --c_out="$work/c" "$@")
    (cd "$work/c" && find . -name '*.pb-c.h' | while read -r header; do
        mkdir -p "$target/include/$(dirname "$header")"
        cp "$header" "$target/include/$header"
    done)
    (cd "$work/c" && find . -name '*.pb-c.c' | while read -r source; do
        mkdir -p "$target/Generated/$(dirname "$source")"
        cp "$source" "$target/Generated/$source"
    done)
}

mkdir -p "$out"
out=$(CDPATH='' cd -- "$out" && pwd)
protos=$(CDPATH='' cd -- "$protos" && pwd)
wire=$(cd "$protos" && find herd/rpc herd/v1 -name '*.proto' | sort)
records=$(cd "$protos" && find herd/store -name '*.proto' | sort)

# The wire and the stored records.
c_code "$protos" "$out/Sources/CMessages" $wire $records
(cd "$protos" && protoc -I. --include_imports --include_source_info -o "$work/all.bin" $wire $records)
# With comments, for herdctl describe.
(cd "$protos" && protoc -I. --include_imports --include_source_info -o "$work/wire.bin" $wire)
rm -rf "$out/Sources/HerdMessages/Generated" "$out/Sources/HerdServices/Records/Generated"
python3 "$here/generate.py" --descriptors "$work/all.bin" \
    --c-header "$out/Sources/CMessages/include/CMessages.h" \
    --c-include herd_arena.h --c-include herd_descriptor_set.h --c-include herd_scan.h --c-include herd_text.h \
    --c-descriptors "$out/Sources/CMessages/Generated/herd_descriptor_set.c" --wire-descriptors "$work/wire.bin" \
    --swift "$out/Sources/HerdMessages/Generated" --only herd/v1/ --access public \
    --import CMessages --index allWireMessages
python3 "$here/generate.py" --descriptors "$work/all.bin" \
    --swift "$out/Sources/HerdServices/Records/Generated" --only herd/store/ --access package \
    --import CMessages --import HerdMessages --index allRecords

# The tests' own message with every kind of field.
scratch=$root/Tests/HerdMessagesTests/Scratch
c_code "$scratch" "$out/Tests/Support/CScratchMessages" scratch.proto
(cd "$scratch" && protoc -I. --include_source_info -o "$work/scratch.bin" scratch.proto)
rm -rf "$out/Tests/HerdMessagesTests/Scratch/Generated"
python3 "$here/generate.py" --descriptors "$work/scratch.bin" \
    --c-header "$out/Tests/Support/CScratchMessages/include/CScratchMessages.h" \
    --swift "$out/Tests/HerdMessagesTests/Scratch/Generated" --access package \
    --import CMessages --import CScratchMessages --import HerdMessages --index allScratchMessages
