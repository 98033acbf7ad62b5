# Completes `whalefall` in bash. Names are quoted as bash needs it, and what bash has split off already is left out.
_whalefall() {
    local line="${COMP_LINE:0:COMP_POINT}" word name
    word="${line##* }"
    local split="${word%"${word##*[@:=]}"}"
    COMPREPLY=()
    while IFS= read -r name; do
        name="${name#"$split"}"
        [[ -n $name ]] && printf -v name %q "$name" && COMPREPLY+=("$name")
    done < <(_WHALEFALL_LINE="$line" "$1" 2>/dev/null </dev/null)
}
complete -o default -F _whalefall whalefall
