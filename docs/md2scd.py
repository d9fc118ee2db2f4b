#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a manual page in scdoc's language of a Markdown file, so that one text is both. Of Markdown
it knows what docs/ uses: headings, paragraphs, lists, fenced code, tables, and `code`, **strong**,
*emphasis* and [links](...) in lines. A row of a table becomes an entry: its first cell, then the
others below it."""

import argparse
import re

INLINE = re.compile(r"(?P<code>`+)(?P<text>.+?)(?P=code)|\*\*(?P<strong>.+?)\*\*|"
                    r"(?<![\w*])\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*(?!\w)|"
                    r"\[(?P<label>[^]]+)\]\((?P<target>[^)\s]+)\)")


def escape(text):
    return re.sub(r"([\\*_])", r"\\\1", text.replace("&lt;", "<").replace("&gt;", ">"))


def mark(match):
    """One piece of Markdown in a line. A page names no place in itself, and no file."""
    if match["text"] is not None:
        return f"*{escape(match['text'].strip())}*"
    if match["strong"] is not None:
        return f"*{escape(match['strong'])}*"
    if match["emphasis"] is not None:
        return f"_{escape(match['emphasis'])}_"
    label = inline(match["label"])
    return f"{label} ({escape(match['target'])})" if "://" in match["target"] else label


def inline(text):
    pieces, end = [], 0
    for match in INLINE.finditer(text):
        pieces += [escape(text[end:match.start()]), mark(match)]
        end = match.end()
    return "".join(pieces) + escape(text[end:])


def paragraph(text):
    """Text on one line, whose first character means nothing to scdoc."""
    text = inline(" ".join(text.split()))
    return "\\" + text if text[:1] in "#-.|[];`~" and text else text


def cells(row):
    """A "|" in code does not end a cell when it is written as \\|."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip()[1:-1])]


def entry(heading, row):
    """A number says less than the name behind it, and comes second."""
    term, rest = inline(row[0]), list(zip(heading, row))[1:]
    if row[0].isdigit() and len(row) > 2:
        term, rest = f"{inline(row[1])} ({row[0]})", rest[1:]
    lines = [inline(text) if name.startswith("what") or len(rest) == 1 else
             f"{name}: {inline(text)}" for name, text in rest if text]
    yield term
    yield "\t" + " ++\n".join(lines)
    yield ""


def table(lines):
    rows = [cells(line) for line in lines]
    for row in rows[2:]:
        if len(row) != len(rows[0]):
            raise ValueError(f"a row of {len(row)} cells among {len(rows[0])}: {row}")
        yield from entry(rows[0], row)


def kind_of(line, earlier):
    """Text that begins like nothing else goes on with what is before it."""
    for start, kind in (("```", "code"), ("#+ ", "heading"), (r"\|", "table"), ("- ", "item")):
        if re.match(start, line):
            return kind
    if not line.strip():
        return None
    return "item" if earlier == "item" else "text"


def blocks(text):
    """(kind, lines) of what stands together."""
    kind, lines = None, []
    for line in text.split("\n"):
        if kind == "code" and not line.startswith("```"):
            lines.append(line)
            continue
        new = None if kind == "code" else kind_of(line, kind)
        if kind == "code" or lines and (new != kind or re.match("- |#+ ", line)):
            yield kind, lines
            lines = []
        kind = new
        if new and new != "code":
            lines.append(line)
    if kind == "code":
        raise ValueError("a block of code does not end")
    if lines:
        yield kind, lines


def convert(text):
    earlier = None
    for kind, lines in blocks(text):
        if earlier == "item" != kind:
            yield ""
        if kind == "code":
            yield from ["```", *lines, "```", ""]
        elif kind == "heading":
            level, title = lines[0].split(" ", 1)
            if len(level) > 1:  # that of the file says what the page's name says
                yield from ["# " + escape(title.upper()) if len(level) == 2 else
                            "## " + escape(title), ""]
        elif kind == "table":
            yield from table(lines)
        elif kind == "item":
            yield "- " + paragraph(" ".join(lines)[2:])
        else:
            yield from [paragraph(" ".join(lines)), ""]
        earlier = kind


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("page", help="such as name(7)")
    parser.add_argument("summary")
    parser.add_argument("see", nargs="+", help="other pages")
    options = parser.parse_args()
    name = options.page.split("(")[0]
    with open(options.file, encoding="utf-8") as file:
        text = file.read()
    see = ", ".join("*" + page.replace("(", "*(") for page in options.see)
    print("\n".join([options.page, "", "# NAME", "", f"{name} - {options.summary}", "",
                     "# DESCRIPTION", "", *convert(text), "", "# SEE ALSO", "", see]))


main()
