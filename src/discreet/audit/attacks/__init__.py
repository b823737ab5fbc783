"""Families of attack on the isolation of people, generated from a seed, and their judge.

Nothing here knows a database, a model or a channel. The caller translates the steps of an attack.
"""

from discreet.audit.attacks.attack import Attack, AttackStep, Call, Cast, Member, Operation, Who
from discreet.audit.attacks.families import FAMILIES, VARIANTS, generate
from discreet.audit.attacks.judge import Judge, Leak, Secret, new_secret

__all__ = [
    "FAMILIES",
    "VARIANTS",
    "Attack",
    "AttackStep",
    "Call",
    "Cast",
    "Judge",
    "Leak",
    "Member",
    "Operation",
    "Secret",
    "Who",
    "generate",
    "new_secret",
]
