# Completes `whalefall` in fish, which quotes what it inserts.
function __whalefall_complete
    set -lx _WHALEFALL_LINE (commandline -cp)
    whalefall 2>/dev/null </dev/null
end
complete --command whalefall --no-files --arguments "(__whalefall_complete)"
