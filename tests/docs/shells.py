# SPDX-License-Identifier: LGPL-2.1-or-later
"""The completion of xenshmctl as each shell does it: complete(lines) of a shell gives, for each line
that ends where the cursor is, the set of what it offers. XENSHMCTL names the program."""

import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
COMPLETION = TOP / "client" / "completion"
XENSHMCTL = pathlib.Path(os.environ.get("XENSHMCTL", "xenshmctl")).resolve()
BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
PATIENCE = 120


def environment(folder, **more):
    """A home of its own, xenshmctl under test first in PATH, no settings of whoever runs this."""
    kept = {key: value for key, value in os.environ.items()
            if key in ("PATH", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS")}
    path = f"{XENSHMCTL.parent}:{kept.get('PATH', '/usr/bin:/bin')}"
    return kept | {"HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8", "PATH": path} | more


def run(command, folder, variables):
    """Its output; nothing may be said on stderr, which is the terminal of whoever types."""
    done = subprocess.run(command, cwd=folder, env=environment(folder, **variables), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
                          check=False)
    assert done.stderr == "", done.stderr
    return done.stdout


class Bash:
    """As the package bash-completion has it."""
    program = "bash"
    package = True
    breaks = "\"'><=;|&(: "
    whole_option = False  # of "--pool=a" only what follows the "=" is offered

    def missing(self):
        return not shutil.which("bash") or self.package and not BASH_COMPLETION.exists()

    @staticmethod
    def words(line):
        """As bash cuts them: "=" and ":" are words of their own, where they are breaks."""
        return [word for blank in line.split(" ")
                for word in re.findall(r"[=:]+|[^=:]+", blank) or [""]]

    def complete(self, folder, lines, **variables):
        script = [f"COMP_WORDBREAKS={shlex.quote(self.breaks)}"]
        if self.package:
            script.append(f". {BASH_COMPLETION}")
        script.append(f". {shlex.quote(str(COMPLETION / 'xenshmctl.bash'))}")
        for line in lines:
            words = self.words(line)
            if words[-1][-1:] and words[-1][-1:] in self.breaks:
                words.append("")
            script += [f"COMP_WORDS=({shlex.join(words)})", f"COMP_CWORD={len(words) - 1}",
                       f"COMP_LINE={shlex.quote(line)}", f"COMP_POINT={len(line)}",
                       "_xenshmctl xenshmctl",
                       "printf '%s\\n' \"${COMPREPLY[@]}\"; echo ----"]
        output = run(["bash", "--norc", "-c", "\n".join(script)], folder, variables)
        return [set(part.split("\n")) - {""} for part in output.split("----\n")[:-1]]


class PlainBash(Bash):
    package = False


class UncutBash(Bash):
    """Where the user's settings leave "--pool=a" and "a:b" one word."""
    breaks = " \"'><;|&("
    whole_option = True

    @staticmethod
    def words(line):
        return line.split(" ")


class Fish:
    program = "fish"
    whole_option = True

    def missing(self):
        return not shutil.which("fish")

    def complete(self, folder, lines, **variables):
        script = [f"source {shlex.quote(str(COMPLETION / 'xenshmctl.fish'))}"]
        for line in lines:
            script += [f"complete -C {shlex.quote(line)}", "echo ----"]
        output = run(["fish", "--no-config", "-c", "\n".join(script)], folder, variables)
        return [{item.split("\t")[0] for item in part.split("\n")} - {""}
                for part in output.split("----\n")[:-1]]


class Zsh:
    """On a terminal of its own, since its completion works nowhere else. What is offered is what
    its builtin compadd gets; a function of that name in front of it tells."""
    program = "zsh"
    whole_option = False
    setup = r"""
        PROMPT='' RPROMPT='' PS2=''
        unsetopt zle_bracketed_paste 2>/dev/null; unset zle_bracketed_paste
        fpath=({completion} $fpath)
        autoload -Uz compinit && compinit -u -D
        zstyle ':completion:*' insert-tab false
        compadd() {{
            local -a hits
            if [[ ${{@[1,(i)(-|--)]}} == *-[OAD]* ]]; then
                builtin compadd "$@"
                return
            fi
            builtin compadd -O hits "$@"
            (( $#hits )) && print -rl -- "<<"${{^hits}}">>" >>$HITS
            return 0
        }}
        told() {{ print -r -- "----" >>$HITS }}
        show() {{ comppostfuncs=(told); zle complete-word; zle kill-whole-line }}
        zle -N show
        bindkey '^T' show
        print -r -- ready >>$HITS
    """

    def missing(self):
        return not shutil.which("zsh")

    def complete(self, folder, lines, **variables):
        hits = folder / "hits"
        hits.write_text("", encoding="utf-8")
        (folder / "setup.zsh").write_text(self.setup.format(completion=COMPLETION),
                                          encoding="utf-8")
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe("zsh", ["zsh", "-f", "-i"],
                       environment(folder, HITS=str(hits), **variables))
        try:
            self.say(terminal, f". {folder}/setup.zsh\n", hits, "ready\n", 1)
            for number, line in enumerate(lines, 1):
                self.say(terminal, line + "\x14", hits, "----\n", number)
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)
        text = hits.read_text(encoding="utf-8").removeprefix("ready\n")
        return [set(re.findall(r"<<(.*?)>>\n", part, re.S)) for part in text.split("----\n")[:-1]]

    @staticmethod
    def say(terminal, text, hits, mark, count):
        """Types `text`, and reads what the terminal shows until the mark is there so often."""
        shown, end = b"", time.monotonic() + PATIENCE
        os.write(terminal, text.encode())
        while hits.read_text(encoding="utf-8").count(mark) < count:
            assert time.monotonic() < end, f"zsh does not answer {text!r}: {shown!r}"
            if select.select([terminal], [], [], 0.05)[0]:
                shown += os.read(terminal, 4096)


SHELLS = [Bash(), PlainBash(), UncutBash(), Fish(), Zsh()]
