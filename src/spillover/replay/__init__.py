"""Replay of real usage: a trace, read by a map, fed to an engine in the trace's own time, and what came of it."""

from spillover.replay.form import map_schema
from spillover.replay.mapping import TraceMap, read_map, read_map_text
from spillover.replay.run import replay
from spillover.replay.summary import Summary, render

__all__ = ["Summary", "TraceMap", "map_schema", "read_map", "read_map_text", "render", "replay"]
