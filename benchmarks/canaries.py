"""The time to search a text for canaries:  python -m benchmarks.canaries"""

from __future__ import annotations

import timeit

from discreet.domain.canaries import Canaries

TEXTS = {
    "300 characters": "The weather is fine, and I'll be there at nine. " * 6,
    "2,000 characters": "The weather is fine, and I'll be there at nine. " * 42,
    "2,000 characters, three scripts": "Es ist schön, и погода хорошая, 天気がいい。 " * 54,
}


def main() -> None:
    """Print the best of several runs, in microseconds, for each text."""
    canaries = Canaries(b"k" * 32)
    for name, text in TEXTS.items():
        best = min(timeit.repeat(lambda text=text: canaries.find(text), number=200, repeat=7))
        print(f"{best / 200 * 1e6:8.1f} us  {name}")


if __name__ == "__main__":
    main()
