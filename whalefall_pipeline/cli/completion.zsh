#compdef whalefall
# Completes `whalefall` in zsh; compadd quotes what it inserts.
_whalefall() {
    local -a names
    names=("${(@f)$(_WHALEFALL_LINE="${(j: :)words[1,CURRENT]}" ${words[1]} 2>/dev/null </dev/null)}")
    names=(${names:#})
    compadd -- "${names[@]}"
}
compdef _whalefall whalefall
