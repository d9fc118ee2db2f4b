# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of xenshmctl for fish.  What may follow is told by xenshmctl itself, from its own
# tables and the running daemon: a line each, "value<TAB>description", or "<TAB>files".

function __xenshmctl_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    # Of "--pool=a" all of it is replaced here.
    set -l option (string match -r -- '^--[^=]+=' "$word")

    for line in ($words[1] __complete -- $words[2..] "$word" 2>/dev/null)
        if string match -q -- \t'*' "$line"
            for file in (__fish_complete_path (string replace -- "$option" '' "$word"))
                printf '%s%s\n' "$option" "$file"
            end
        else
            printf '%s%s\n' "$option" "$line"
        end
    end
end

complete -c xenshmctl -f -a '(__xenshmctl_complete)'
