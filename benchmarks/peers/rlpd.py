"""RLPD (Ball et al. 2023, "Efficient Online Reinforcement Learning with Offline Data") as published for Adroit.

From the paper and its code (github.com/ikostrikov/rlpd, `configs/rlpd_config.py` and the Adroit command of its README):
soft actor-critic from scratch, 10 critics of 3 x 256 with LayerNorm, targets by the smaller value of 2 drawn at random
and without the entropy, 20 updates of the critics per control step and one of the actor by the critics' mean, batches
of 256 of which half are demonstrated, 3e-4 for all, γ 0.99, τ 0.005, target entropy -A/2, temperature from 1, one
world, 5,000 random control steps first.

Ours: observations are scaled by the demonstrations' mean and deviation; LayerNorm has no gain and bias; weights begin
uniform in ±1/sqrt(inputs); a demonstration's rewards and observations come from playing it again on today's engine. The
critics lie in as many batched tensors as there are threads, which learn side by side.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from peers.given import Acting, Given, Standing
from peers.tanh_gaussian import TanhGaussian
from peers.worlds import ResettingWorlds
from regrasp.errors import InputError
from regrasp.reinforcement.critics import Critics, follow, target_of
from regrasp.reinforcement.demonstrated import play_again
from regrasp.reinforcement.replay import Replay, Steps, Transitions, windows
from regrasp.seeding import torch_stream


@dataclass(frozen=True)
class RlpdConfig:
    """The published settings; see above."""

    critics: int = 10
    hidden: tuple[int, ...] = (256, 256, 256)
    updates_per_step: int = 20
    batch: int = 256
    learning_rate: float = 3e-4
    discount: float = 0.99
    target_rate: float = 0.005
    random_steps: int = 5000
    capacity: int = 200_000


PUBLISHED = RlpdConfig()


class Ensemble:
    """Some of the critics, with their targets: (N, P) and (N, A) → values, learned apart from the others."""

    def __init__(self, critics: Critics, config: RlpdConfig) -> None:
        self.critics, self.target, self.config = critics, target_of(critics), config
        self._optimiser = torch.optim.Adam(critics.parameters(), lr=config.learning_rate, fused=True)

    def fit(self, rows: Transitions, wanted: Tensor) -> None:
        """One step towards the targets (N,)."""
        value = self.critics(self.critics.normaliser(rows.seen), rows.action)
        # The mean over all critics, wherever they lie.
        _step(self._optimiser, (value - wanted).square().mean(1).sum() / self.config.critics)
        follow(self.target, self.critics, self.config.target_rate)


class Learner:
    """Actor, critics and temperature, and the demonstrated and own transitions that they learn from."""

    def __init__(self, config: RlpdConfig, taught: Transitions, seed: int, threads: int = 1) -> None:
        self.config, self.taught = config, taught
        seen, actions = taught.seen.shape[1], taught.action.shape[1]
        self.actor = TanhGaussian(seen, actions, config.hidden, torch_stream(seed, "rlpd", "actor"))
        generator = torch_stream(seed, "rlpd", "critics")
        counts = [len(part) for part in torch.arange(config.critics).chunk(threads)]
        self.ensembles = [Ensemble(Critics(seen, actions, config.hidden, one, generator), config) for one in counts]
        for module in (self.actor, *(part for one in self.ensembles for part in (one.critics, one.target))):
            module.normaliser.fit(taught.seen)
        self.log_temperature = nn.Parameter(torch.zeros(()))
        self.wanted_entropy = -actions / 2
        self.own = Replay(config.capacity, 1, config.discount)
        self.generator = torch_stream(seed, "rlpd", "updates")
        self._optimisers = [
            torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
            for parameters in (self.actor.parameters(), [self.log_temperature])
        ]
        self._beside = ThreadPoolExecutor(len(counts), initializer=torch.set_num_threads, initargs=(1,))

    def update(self) -> None:
        """What is due after a control step: all updates of the critics, then one of actor and temperature."""
        for _ in range(self.config.updates_per_step):
            rows = self._batch()
            wanted = self.wanted(rows)
            list(self._beside.map(lambda part, rows=rows, wanted=wanted: part.fit(rows, wanted), self.ensembles))
        self._improve_actor(rows.seen)

    def _batch(self) -> Transitions:
        half = self.config.batch // 2
        demonstrated = torch.randint(len(self.taught), (half,), generator=self.generator)
        return self.own.sample(self.config.batch - half, self.generator).beside(self.taught.rows(demonstrated))

    @torch.no_grad()
    def wanted(self, rows: Transitions) -> Tensor:
        """Targets (N,): the reward, and behind it the smaller value of two critics drawn at random, without entropy."""
        action, _ = self.actor.sample(rows.next_seen, self.generator)
        seen = self.actor.normaliser(rows.next_seen)
        members = [(one.target, member) for one in self.ensembles for member in range(one.critics.count)]
        drawn = [members[one] for one in torch.randperm(len(members), generator=self.generator)[:2].tolist()]
        values = [target(seen, action, slice(member, member + 1)) for target, member in drawn]
        return rows.reward + rows.discount * torch.cat(values).amin(0)

    def _improve_actor(self, observation: Tensor) -> None:
        action, log_density = self.actor.sample(observation, self.generator)
        seen = self.actor.normaliser(observation)
        values = [one.critics.requires_grad_(False)(seen, action) for one in self.ensembles]
        temperature = self.log_temperature.exp()
        _step(self._optimisers[0], (temperature.detach() * log_density - torch.cat(values).mean(0)).mean())
        for one in self.ensembles:
            one.critics.requires_grad_(True)
        _step(self._optimisers[1], temperature * (-log_density.detach().mean() - self.wanted_entropy))


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def rlpd(given: Given, config: RlpdConfig = PUBLISHED) -> Iterator[Standing]:
    """Learn after every control step of one world."""
    learner = Learner(config, _taught(given, config.discount), given.seed, given.threads)
    worlds = ResettingWorlds(given, 1)
    actor = Acting(given.task.interface.digest, learner.actor.mode)
    noise = torch_stream(given.seed, "rlpd", "acting")
    yield Standing(0, actor)
    for step in range(1, 1_000_000_000):
        seen = worlds.observation["policy"]
        learner.own.add(_experience(worlds, seen, _action(learner, seen, step, noise)))
        if step > config.random_steps:
            learner.update()
        yield Standing(step, actor)


@torch.no_grad()
def _action(learner: Learner, seen: Tensor, step: int, noise: torch.Generator) -> Tensor:
    if step <= learner.config.random_steps:
        return 2.0 * torch.rand(len(seen), learner.taught.action.shape[1], generator=noise) - 1.0
    return learner.actor.sample(seen, noise)[0]


def _experience(worlds: ResettingWorlds, seen: Tensor, action: Tensor) -> Steps:
    step = worlds.step(action)
    final = step.final["policy"]
    parts = (seen, action, action[:, :0], step.reward, final, step.terminated, step.ended)
    return Steps(*(part[None] for part in parts))


def _taught(given: Given, discount: float) -> Transitions:
    """All demonstrated transitions, as the policy observes them."""
    episodes = [episode for episode in given.demonstrations.episodes if episode.start is not None]
    if not episodes:
        source = given.demonstrations.source
        raise InputError(source, "", "no start state in any episode", "at least one demonstration that can be played")
    again = play_again(given.task, episodes, given.pay, given.threads)
    columns = given.task.observations["policy"].fields.size
    seen, following = again.critic_input[..., :columns], again.next_critic_input[..., :columns]
    reward = given.scaled(again.reward)
    steps = Steps(seen, again.action, again.action[..., :0], reward, following, again.terminated, again.ended)
    inside = 1.0 - 1e-5  # a squashed Gaussian never says ±1 (the published code clips likewise)
    rows = windows(steps, 1, discount).rows(torch.nonzero(again.valid.flatten())[:, 0])
    return Transitions(**{**vars(rows), "action": rows.action.clamp(-inside, inside)})
