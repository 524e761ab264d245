"""What the end of a hold gives back to windows and buckets, while they are still the same (law 9)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


DAY = "every: day, in: UTC"

WINDOWS = [
    Case(
        "what is given back to a session that is open can be used in it again",
        w("max: 3, every: 5h, starting: first_use"),
        """
        0       | hold 3 key=h lasts=6h | allowance 3
        5h -1ms | release h | released
                | use 3 | allowance 3
                | use 1 | denied: window w
        """,
    ),
    Case(
        "what is given back to a session that has ended is dropped",
        w("max: 3, every: 5h, starting: first_use"),
        """
        0  | hold 3 key=h lasts=6h | allowance 3
        5h | use 3 | allowance 3
           | release h | released
           | use 1 | denied: window w
        """,
    ),
    Case(
        "what is given back to a day that is over is dropped",
        w(f"max: 3, {DAY}"),
        """
        15h -1ms | hold 3 key=h | allowance 3
        15h      | use 1 | allowance 1
                 | commit h 1 | allowance 1
                 | use 3 | denied: window w
                 | use 2 | allowance 2
        """,
    ),
    Case(
        "what is given back to a fixed window that is over is dropped",
        w("max: 3, every: 7d, starting: billing_day"),
        """
        0       | use 1 | allowance 1
        7d -1ms | hold 2 key=h | allowance 2
        7d      | use 3 | allowance 3
                | release h | released
                | use 1 | denied: window w
        """,
    ),
    Case(
        "what is given back within its sliding window is room again",
        w("max: 3, sliding: 1h"),
        """
        0        | hold 2 key=h lasts=2h | allowance 2
        30m      | use 1 | allowance 1
        65m -1ms | use 1 | denied: window w
                 | release h | released
                 | use 3 | denied: window w
                 | use 2 | allowance 2
        """,
    ),
    Case(
        "what is given back to a slot that has slid out is dropped",
        w("max: 3, sliding: 1h"),
        """
        0   | hold 3 key=h lasts=3h | allowance 3
        70m | use 3 | allowance 3
            | release h | released
            | use 1 | denied: window w
        """,
    ),
    Case(
        "a window for ever gets everything back",
        w("max: 3, ever: true"),
        """
        0   | hold 3 key=h lasts=24h | allowance 3
        23h | commit h 1 | allowance 1
            | use 3 | denied: window w
            | use 2 | allowance 2
        """,
    ),
    Case(
        "a bucket gets back at once all that was held",
        w("max: 6, refill: 1m"),
        """
        0 | hold 4 key=h | allowance 4
          | release h | released
          | use 7 | denied: window w
          | use 6 | allowance 6
        """,
    ),
    Case(
        "a bucket gets back only what had not refilled meanwhile",
        w("max: 6, refill: 1m"),
        """
        0   | hold 3 key=h | allowance 3
            | use 3 | allowance 3
        10s | release h | released
            | use 4 | denied: window w
            | use 3 | allowance 3
            | use 1 | denied: window w
        """,
    ),
    Case(
        "a bucket that has refilled gets nothing back, and is never more than full",
        w("max: 6, refill: 1m"),
        """
        0   | hold 3 key=h | allowance 3
        30s | release h | released
            | use 7 | denied: window w
            | use 6 | allowance 6
        """,
    ),
    Case(
        "a bucket whose maximum has changed gets nothing back",
        w("max: 6, refill: 1m"),
        """
        0 | hold 6 key=h | allowance 6
          | set w 12
          | use 6 | allowance 6
          | release h | released
          | use 1 | denied: window w
        """,
    ),
    Case(
        "a window of requests gets its request back when nothing is kept",
        w("max: 1, of: requests, ever: true"),
        """
        0 | hold 4 key=h | allowance 4
          | release h | released
          | hold 4 key=i | allowance 4
          | commit i 1 | allowance 1
          | use 1 | denied: window w
        """,
    ),
    Case(
        "a window of credits gets back what the units are worth",
        w("max: 15, of: credits, ever: true"),
        """
        0 | hold 3 key=h | allowance 3
          | commit h 1 | allowance 1
          | use 3 | denied: window w
          | use 2 | allowance 2
        """,
    ),
    Case(
        "what is given back goes to the windows of the subject that held it",
        w(f"max: 2, {DAY}, per: subject"),
        """
        0 | hold 2 key=h by=ada | allowance 2
          | use 2 by=bob | allowance 2
          | release h | released
          | use 1 by=bob | denied: window w
          | use 2 by=ada | allowance 2
        """,
    ),
]


@rules_of(WINDOWS)
def test_back_to_windows(case):
    tell(case)
