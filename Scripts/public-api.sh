#!/usr/bin/env bash
# Prints what a program that uses HerdClient can see, on one page: every public declaration of the three modules but the
# generated messages, without comments and bodies. `Scripts/public-api.sh --write` renews the page in the documentation.
set -euo pipefail
cd "$(dirname "$0")/.."

page=Sources/HerdClient/HerdClient.docc/PublicAPI.md

declarations() { # FOLDER
    # shellcheck disable=SC2016  # awk's own $0
    find "$1" -name '*.swift' -not -path '*/Generated/*' | LC_ALL=C sort | xargs awk '
        function balance(text) { return gsub(/[(\[]/, "", text) - gsub(/[)\]]/, "", text) }
        function emit(text) {
            if (header != "") { print header; header = "" }
            sub(/ *\{.*$/, "", text)
            print text
        }
        FNR == 1 { header = ""; open = 0; inProtocol = 0 }
        /^ *\/\// || /^ *$/ { next }
        inProtocol {
            if ($0 ~ /^}/) { inProtocol = 0 } else { line = $0; sub(/ *\{ get.*$/, "", line); print line }
            next
        }
        open > 0 {
            line = $0
            sub(/^ +/, "", line)
            buffer = buffer (buffer ~ /[(\[]$/ || line ~ /^[)\]]/ ? "" : " ") line
            open += balance($0)
            if (open <= 0) { emit(buffer) }
            next
        }
        /^extension / { header = $0; sub(/ *\{.*$/, "", header); next }
        /^(@[A-Za-z]+ )*(public )?(final )?(struct|enum|class|protocol|func|let|var|private|fileprivate|package|internal) / { header = "" }
        /^ *(@[A-Za-z]+ )*public import/ { next }
        /^ *(@[A-Za-z]+ )*public / {
            if ($0 ~ /public protocol/) { emit($0); inProtocol = 1; next }
            buffer = $0
            open = balance($0)
            if (open <= 0) { emit(buffer) }
        }
    '
}

print_page() {
    echo "# Public API"
    echo
    echo "Every public declaration but those of the generated messages, as \`Scripts/public-api.sh --write\` finds them."
    for module in HerdClient HerdFrames HerdMessages; do
        printf '\n## %s\n\n```text\n' "$module"
        declarations "Sources/$module"
        printf '```\n'
    done
}

case ${1:-} in
    --write) print_page >"$page" ;;
    "") print_page ;;
    *) echo "usage: Scripts/public-api.sh [--write]" >&2; exit 64 ;;
esac
