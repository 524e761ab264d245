"""`spillover webhooks run`: a worker in the foreground, once or until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spillover.bootstrap.noticing import Told


def run_here(db: str, *, follow: bool, allow_private: bool, as_json: bool) -> None:
    """Watch and send, and say what was done."""
    from spillover.bootstrap.noticing import Noticing, worker_at
    from spillover.cli.database import require_there
    from spillover.cli.following import stopped_by_signals
    from spillover.cli.output import write, write_json, write_json_line

    require_there(db)
    worker, said = worker_at(db, allow_private=allow_private), list[str]()
    if not follow:
        try:
            worker.run()
        finally:
            worker.close()
        if as_json:
            write_json(worker.told())
        else:
            write(line_of(worker.told()) + ".")
        return

    def tell(now: Told) -> None:
        if as_json:
            write_json_line(now)
        elif (line := line_of(now)) not in said[-1:]:
            said[:] = [line]
            write(line)

    with stopped_by_signals() as stop:
        Noticing(worker, tell).run(stop)
    if as_json:
        write_json_line({"stopped": True})
    else:
        write(f"Stopped: {line_of(worker.told())}.")


def line_of(told: Told) -> str:
    """What a worker did, in a line."""
    from spillover.pictures.wording import counted

    if told.trouble:
        return f"trouble, tried again: {told.trouble}"
    words = {
        "sent": "sent", "waiting": "to be tried again", "failed": "given up", "dropped": "of erased accounts dropped",
        "lost": "sent by another worker",
    }  # fmt: skip
    parts = [f"{told.tries[name]} {word}" for name, word in words.items() if told.tries.get(name)]
    return "; ".join([f"looked at {counted(told.looked, 'account')}", *(parts or ["nothing was due"])])
