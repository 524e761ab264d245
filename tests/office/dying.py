"""A program of its own at an office: `python -m tests.office.dying URL COUNT [dies]`.

It says `ready`, and once it is told to go on begins COUNT acts, says their numbers and ends them; with `dies` it kills
itself before it ends any.
"""

import os
import signal
import sys

from tests.office.support import act, office_at, run


def main() -> None:
    url, count, *dies = sys.argv[1:]
    office = office_at(url)
    print("ready", flush=True)
    sys.stdin.readline()
    numbers = [run(office.begin(act(account="acme"))) for _ in range(int(count))]
    print(*numbers, flush=True)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    for number in numbers:
        run(office.end(number, "done", 1))


if __name__ == "__main__":
    main()
