"""Files of tests lie in memory where that is wanted and there is room; everywhere else nothing changes."""

import subprocess
import sys
import tempfile

import pytest

from tests.servers import scratch

QUICK = "not soak and not browser"


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """A folder that stands for memory, and nobody has said anything."""
    monkeypatch.setenv("TMPDIR", "")  # so that it is put back
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.setattr(scratch, "MEMORY", tmp_path)
    monkeypatch.setattr(scratch, "ROOM", 1)
    return tmp_path


def test_files_of_a_quick_run_lie_there_and_those_of_programs_that_it_starts(memory):
    assert scratch.choose(QUICK) == str(memory) == tempfile.gettempdir()
    program = [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip() == str(memory)


@pytest.mark.parametrize("marks", ["soak", "soak and not browser", "trace or soak"])
def test_a_long_run_stays_on_the_disk(memory, marks):
    assert scratch.choose(marks) == "/tmp"


def test_who_names_a_folder_gets_it(memory, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert scratch.choose(QUICK) == "/tmp"  # what the library made of it, here as set above


@pytest.mark.parametrize(("name", "value"), [("ROOM", 1 << 60), ("MEMORY", "none")])
def test_without_room_or_memory_it_stays_on_the_disk(memory, monkeypatch, name, value):
    monkeypatch.setattr(scratch, name, memory / value if name == "MEMORY" else value)
    assert scratch.choose(QUICK) == "/tmp"


def test_where_programs_may_not_be_run_it_stays_on_the_disk(memory, monkeypatch):
    class Mounted:
        f_flag = scratch.os.ST_NOEXEC

    monkeypatch.setattr(scratch.os, "statvfs", lambda _: Mounted)
    assert scratch.choose(QUICK) == "/tmp"
