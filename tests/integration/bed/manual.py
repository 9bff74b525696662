# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Manual pages: the options they tell of, and their examples.

An example is what comes next behind a comment of troff's,

    .\\" EXAMPLE [WORD...]

a line of .B or a literal block (.nf to .fi, .Bd to .Ed). Lines that begin with a prompt
("# ") are commands, and then the others are what they print; without any prompt all lines
are. The words tell how to run it:

    daemon      until it is ready (sd_notify), and a little longer; then SIGTERM
    for=3s      for so long; then SIGINT
    tty         at a terminal
    conf=NAME   it is the configuration file of vmpower-NAME, which is run like that
    idle        on a host that does nothing
    offline     and what the log says of targets that are not there is no matter
    status=A,B  exit statuses that will do, but for 0
    with=A:B    with B in place of A, to be done sooner
    text        it is not to be run: what something looks like
"""
import dataclasses
import pathlib
import re
import subprocess

MARK = '.\\" EXAMPLE'
ESCAPES = {r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\e": "\\", r"\&": "", r"\(ga": "`",
           r"\(ha": "^", r"\(ti": "~"}
BLOCKS = {".nf": ".fi", ".EX": ".EE", ".Bd": ".Ed"}


@dataclasses.dataclass
class Example:
    page: str
    line: int
    words: dict
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"

    @property
    def commands(self):
        lines = self.text.splitlines()
        if any(line.startswith("# ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith(("# ", "> "))]
        script = "\n".join(lines)
        if "with" in self.words:
            was, now = self.words["with"].split(":", 1)
            assert was in script, f"{self}: there is no {was} in it"
            script = script.replace(was, now)
        return script


def plain(text):
    """Of a line of troff, what is shown."""
    text = re.sub(r"\\f(?:[A-Z]|\([A-Z]{2}|\[[^]]*\])", "", text)
    return re.sub(r"\\(?:\(..|.)", lambda m: ESCAPES.get(m[0], m[0]), text)


def take_block(lines, at):
    """The text of what begins at a line, and the line behind it."""
    request = lines[at].split(" ", 1)[0]
    if request in BLOCKS:
        end = next(i for i in range(at, len(lines)) if lines[i].startswith(BLOCKS[request]))
        return "\n".join(plain(line) for line in lines[at + 1:end]), end + 1
    assert request == ".B", f"line {at + 1}: no example behind {MARK}"
    return plain(lines[at][3:].strip('"')), at + 1


class Page:
    """A manual page's source."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.name = self.path.name
        self.lines = self.path.read_text(encoding="utf-8").splitlines()

    def examples(self):
        found = []
        for number, line in enumerate(self.lines, 1):
            if not line.startswith(MARK):
                continue
            words = dict((w.split("=", 1) + [""])[:2] for w in line[len(MARK):].split())
            at = number
            while self.lines[at].startswith((".TP", ".PP", ".IP", ".Pp", ".RS", ".It")):
                at += 1
            found.append(Example(self.name, number, words, take_block(self.lines, at)[0]))
        return found

    def unmarked(self):
        """Lines of the section EXAMPLES where a block or command begins that has no mark."""
        section, marked, found = "", False, []
        for number, line in enumerate(self.lines, 1):
            if line.startswith((".SH", ".Sh")):
                section = line[4:].strip('"')
            if line.startswith(MARK):
                marked = True
            elif section == "EXAMPLES" and line.split(" ", 1)[0] in (*BLOCKS, ".B"):
                if not marked:
                    found.append(number)
                marked = False
        return found

    def options(self):
        """Those that it has an item for."""
        found = set()
        previous = ""
        for line in self.lines:
            if line.startswith((".Sh EXAMPLES", ".SH EXAMPLES")):
                break
            if line.startswith(".It Fl") or previous.startswith((".TP", ".TQ")) or \
                    line.startswith(".IP \\fB\\-\\-"):
                found |= set(re.findall(r"(?:Fl -|--)([a-z][a-z-]*)", plain(line)))
            previous = line
        return found

    def sections(self):
        """Of the configuration file."""
        return set(re.findall(r"^\.It Sy \[(\w+)", "\n".join(self.lines), re.M))


def help_of(*command):
    r = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=60)
    return r.stdout


def options_of(text):
    """Of what --help prints."""
    return set(re.findall(r"^  (?:-[a-z], )?--([a-z][a-z-]*)", text, re.M))


def subcommands_of(text):
    return re.findall(r"^  ([a-z]+) ", text, re.M)
