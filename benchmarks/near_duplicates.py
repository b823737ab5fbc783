"""Which pairs of memories count as duplicates: by their meaningful words, against
any threshold of the vectors' cosine. Pairs are written by hand: half of the second kind differ in
one small word, as facts do.
"""

from __future__ import annotations

from discreet.memory.duplicates import gist
from discreet.memory.embedding import bundled_embedder

SAME = [
    ("Likes green tea", "likes green tea."),
    ("The user likes green tea", "The user really likes green tea"),
    ("The user likes green tea", "User likes the green tea!"),
    ("She doesn't eat meat", "She does not eat meat"),
    ("I'm allergic to nuts", "I am allergic to nuts"),
    ("The customer wants a refund", "Customer wants the refund"),
    ("He has a very old car", "He has an old car"),
    ("The meeting is on Monday at 10:00", "Meeting is on Monday, at 10:00"),
    ("Her sister lives in Lisbon", "Her sister actually lives in Lisbon."),
    ("They've moved to Berlin", "They have moved to Berlin"),
    ("Prefers to be called Sam", "prefers to be called “Sam”"),
    ("Loves hiking very much", "Loves hiking much"),
    ("We won't renew the contract", "We will not renew the contract."),
    ("Works night shifts", "works NIGHT shifts"),
]
DIFFERENT = [
    ("Likes green tea", "Likes black tea"),
    ("She does eat meat", "She doesn't eat meat"),
    ("The train leaves from Lisbon", "The train leaves for Lisbon"),
    ("Alice owes Bob ten euros", "Bob owes Alice ten euros"),
    ("Her sister lives in Lisbon", "His sister lives in Lisbon"),
    ("Works at Siemens", "Worked at Siemens"),
    ("Is allergic to nuts", "Is not allergic to nuts"),
    ("The meeting is on Monday at 10:00", "The meeting is on Tuesday at 10:00"),
    ("The meeting is on Monday at 10:00", "The meeting is on Monday at 11:00"),
    ("The dose is 2.5 mg", "The dose is 25 mg"),
    ("Order 10423 was paid", "Order 10424 was paid"),
    ("The code is aB12", "The code is AB12"),
    ("Has one daughter", "Has two daughters"),
    ("Her dog is older than her cat", "Her cat is older than her dog"),
    ("Writes C++", "Writes C#"),
    ("Anna's birthday is 3 May", "Anna's birthday is 4 May"),
    ("Lives with her mother", "Lives with her brother"),
    ("Can swim", "Can't swim"),
    ("Eats a lot", "Eats"),
    ("Likes tea", "Likes tea, too"),
    ("Paid the invoice before the delivery", "Paid the invoice after the delivery"),
    ("Wants to be reminded every day", "Wants to be reminded every other day"),
]


def main() -> None:
    embedder = bundled_embedder()
    for name, pairs, right in (("same", SAME, True), ("different", DIFFERENT, False)):
        found = sum((gist(a) == gist(b)) is right for a, b in pairs)
        print(f"by words, {name}: {found} of {len(pairs)} told right (at least all)")
    cosines = {
        name: [float(a @ b) for a, b in (embedder.embed(pair) for pair in pairs)]
        for name, pairs in (("same", SAME), ("different", DIFFERENT))
    }
    print(f"least cosine of the same: {min(cosines['same']):.2f}")
    for threshold in (0.85, 0.9, 0.95, 0.98, 0.995):
        caught = sum(cosine >= threshold for cosine in cosines["same"])
        lost = sum(cosine >= threshold for cosine in cosines["different"])
        print(
            f"by a cosine of {threshold}: {caught} of {len(SAME)} recognised,"
            f" {lost} of {len(DIFFERENT)} facts lost"
        )


if __name__ == "__main__":
    main()
