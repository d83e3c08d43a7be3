"""On-policy fine-tuning of a cloned policy: PPO (Schulman et al. 2017) that starts gently and remembers the demonstrations.

What keeps the hand in contact: action noise of the size of the clone's own residual, a critic that is warmed up before the
policy moves, a demonstration term that fades (Rajeswaran et al. 2018), and a stop when an update strays too far.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from regrasp.policies.policy import Policy
from regrasp.policies.progress import Progress
from regrasp.reinforcement.advantage import generalised_advantage
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.rollout import Rollout, Segment, critic_input
import time


@dataclass(frozen=True)
class OnPolicyConfig:
    iterations: int = 150
    worlds: int = 128
    segment: int = 50
    learning_rate: float = 2e-4
    final_learning_rate: float = 5e-5
    critic_learning_rate: float = 5e-4
    epochs: int = 5
    minibatch: int = 1600
    clip: float = 0.2
    kl_stop: float = 0.03
    discount: float = 0.99
    gae_decay: float = 0.95
    noise: float = 1.0
    noise_floor: float = 0.05
    critic_warmup: int = 5
    critic_hidden: tuple[int, ...] = (256, 256)
    largest_reward: float = 20.0
    demonstration_weight: float = 0.1
    demonstration_decay: float = 0.97
    demonstration_starts: float = 0.5
    demonstration_starts_until: float = 0.6
    averaging: float = 0.9
    disturbed: float = 0.5
    disturbances: tuple[str, ...] = ("push", "slip", "pose_error", "friction")


@dataclass
class S:
    policy: Policy
    critic: Critic
    rollout: Rollout


def fine_tune(policy, critic, rollout, demo_obs, demo_act, cfg, gen, averaged=None):
    popt = torch.optim.Adam(policy.parameters(), lr=cfg.learning_rate, fused=True)
    copt = torch.optim.Adam(critic.parameters(), lr=cfg.critic_learning_rate, fused=True)
    with torch.no_grad():
        policy.head.log_std.copy_((policy.head.std() * cfg.noise).clamp(min=cfg.noise_floor).log())
    width = policy.head.std().detach().clone()
    t_sim = t_learn = 0.0
    steps = 0
    scale = (1 - cfg.discount) / cfg.largest_reward
    for it in range(cfg.iterations):
        t0 = time.perf_counter()
        share = max(0.0, 1 - it / max(1, cfg.iterations * cfg.demonstration_starts_until)) * cfg.demonstration_starts
        if it == 0:
            rollout.begin(share)
        seg, fin = rollout.collect(policy, cfg.segment, share)
        steps += seg.steps
        t1 = time.perf_counter()
        if it == 0:
            critic.normaliser.fit(seg.critic_input.flatten(0, 1))
        last = critic_input(rollout._observation)
        with torch.no_grad():
            v = critic(torch.cat([seg.critic_input, last[None]]).flatten(0, 1)).view(cfg.segment + 1, -1)
            nv = v[1:].clone()
            nv[seg.ended] = critic(seg.next_critic_input[seg.ended])
        adv = generalised_advantage(seg.reward * scale, v[:-1], nv, seg.terminated, seg.ended, cfg.discount, cfg.gae_decay)
        ret = (adv + v[:-1]).flatten()
        adv = adv.flatten()
        obs, ci, act, lp = (x.flatten(0, 1) for x in (seg.observation, seg.critic_input, seg.action, seg.log_prob))
        n = len(adv)
        warm = it < cfg.critic_warmup
        frac = it / cfg.iterations
        for g in popt.param_groups:
            g["lr"] = cfg.learning_rate + (cfg.final_learning_rate - cfg.learning_rate) * frac
        lam = cfg.demonstration_weight * cfg.demonstration_decay**it
        kls = []
        stop = warm
        vl = []
        advn = (adv - adv.mean()) / (adv.std() + 1e-8)
        pupd = 0
        obsn = policy.normaliser(obs)
        cin = critic.normaliser(ci)
        for ep in range(cfg.epochs if not warm else cfg.epochs):
            perm = torch.randperm(n, generator=gen)
            for idx in perm.split(cfg.minibatch):
                copt.zero_grad()
                closs = (critic.body(cin[idx]).squeeze(-1) - ret[idx]).square().mean()
                closs.backward()
                torch.nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
                copt.step()
                vl.append(closs.item())
                if stop:
                    continue
                popt.zero_grad()
                mean = policy.head(policy.body(obsn[idx]))
                std = policy.head.std()
                z = (act[idx] - mean) / std
                lpn = -(0.5 * z.square() + std.log()).sum(1)
                logr = lpn - lp[idx]
                ratio = logr.exp()
                with torch.no_grad():
                    kl = (ratio - 1 - logr).mean().item()
                if kl > cfg.kl_stop:
                    stop = True
                    continue
                a = advn[idx]
                loss = -torch.min(ratio * a, ratio.clamp(1 - cfg.clip, 1 + cfg.clip) * a).mean()
                if lam > 1e-4:
                    di = torch.randint(len(demo_obs), (256,), generator=gen)
                    dm = policy.head(policy.body(demo_obs[di]))
                    loss = loss + lam * 0.5 * ((dm - demo_act[di]) / width).square().mean()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                popt.step()
                pupd += 1
                kls.append(kl)
        if averaged is not None and not warm:
            with torch.no_grad():
                for p, q in zip(averaged.parameters(), policy.parameters()):
                    p.lerp_(q, 1 - cfg.averaging)
        elif averaged is not None:
            averaged.load_state_dict(policy.state_dict())
        t2 = time.perf_counter()
        t_sim += t1 - t0
        t_learn += t2 - t1
        yield dict(it=it, steps=steps, ev=float(1 - (ret - v[:-1].flatten()).var() / ret.var()), vl=sum(vl) / len(vl), kl=max(kls, default=0.0), pupd=pupd, std=policy.head.std().detach().mean().item(), reward=float(seg.reward.mean()), fin=fin, t_sim=t_sim, t_learn=t_learn, lam=lam)
