# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Completion of xenshmctl for bash, with or without the package bash-completion.  What may follow
# is told by xenshmctl itself, from its own tables and the running daemon: a line each,
# "value<TAB>description", or "<TAB>files".

# Without bash-completion: the words as bash has cut them, joined again at "=" and ":".
_xenshmctl_words()
{
    local i
    words=("${COMP_WORDS[0]}")
    for ((i = 1; i <= COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} =~ ^[=:]+$ || ${COMP_WORDS[i - 1]} =~ ^[=:]+$ ]]; then
            words[-1]+=${COMP_WORDS[i]}
        else
            words+=("${COMP_WORDS[i]}")
        fi
    done
    cword=$((${#words[@]} - 1)) cur=${words[-1]}
}

# Files that begin like $cur.
_xenshmctl_files()
{
    if declare -F _filedir >/dev/null; then
        _filedir
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}

_xenshmctl()
{
    local cur words cword line value option='' kept='' breaks=${COMP_WORDBREAKS//[^=:]/}
    COMPREPLY=()

    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: cur words cword
    else
        _xenshmctl_words
    fi
    # Of "--pool=a" only what follows the "=" is replaced, as long as bash cuts words there.
    [[ $cur != --*=* ]] || option=${cur%%=*}=
    [[ ! $breaks ]] || kept=${cur%"${cur##*["$breaks"]}"}
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        if [[ ! $value ]]; then
            cur=${cur#"$option"}
            _xenshmctl_files
            [[ $kept ]] || COMPREPLY=("${COMPREPLY[@]/#/$option}")
            return
        fi
        # Names of guests are their owners': none may mean something to the shell.
        [[ $value =~ ^[[:alnum:]_.,:=/@%+-]+$ ]] || printf -v value %q "$value"
        value=$option$value
        COMPREPLY+=("${value#"$kept"}")
    done < <("${words[0]}" __complete -- "${words[@]:1:cword-1}" "$cur" 2>/dev/null)
}

complete -F _xenshmctl xenshmctl
