"""Dishonest delegates: each class is one strategy, `STRATEGIES` lists them, `interface` says what one may do.

Strategies decide what a dishonest node says; they never touch another node, the agenda or the checkers.
"""

from __future__ import annotations

from p2pchain.sim.byzantine.censor import Censor
from p2pchain.sim.byzantine.double_vote import DoubleVote
from p2pchain.sim.byzantine.equivocate import Equivocate
from p2pchain.sim.byzantine.false_ballots import CertificateForger, VoteWrongHeight
from p2pchain.sim.byzantine.forgetting import Amnesiac, IgnoreLock
from p2pchain.sim.byzantine.interface import Strategy
from p2pchain.sim.byzantine.late import DelayEverything, LateBlock, LateVotes, ReorderFlood
from p2pchain.sim.byzantine.leading import BadStateRoot, BadTransactions, HideCertificate, OldCertificate, WrongSlotBlocks
from p2pchain.sim.byzantine.lying import LieInSync, LieTips
from p2pchain.sim.byzantine.noise import CrashLoop, MalformedFrames, ReplayOldMessages
from p2pchain.sim.byzantine.partial import SelectiveSilence, SplitVotes, TwoFaced
from p2pchain.sim.byzantine.rewrite import Rewrite
from p2pchain.sim.byzantine.spam import SpamBallots, SpamBlocks, SpamTransactions
from p2pchain.sim.byzantine.twins import Twins
from p2pchain.sim.byzantine.withhold import Withhold, WithholdConfirms, WithholdVotes

_ALL: tuple[type[Strategy], ...] = (
    *(Equivocate, DoubleVote, TwoFaced, Twins, Amnesiac, IgnoreLock, Rewrite),
    *(Withhold, WithholdVotes, WithholdConfirms, SplitVotes, SelectiveSilence, HideCertificate),
    *(LateBlock, LateVotes, DelayEverything, ReorderFlood, ReplayOldMessages, CrashLoop),
    *(OldCertificate, BadStateRoot, BadTransactions, WrongSlotBlocks),
    *(VoteWrongHeight, CertificateForger, LieInSync, LieTips),
    *(Censor, SpamTransactions, SpamBallots, SpamBlocks, MalformedFrames),
)
STRATEGIES: dict[str, type[Strategy]] = {strategy.NAME: strategy for strategy in _ALL}
