"""Seed streams: every use of randomness has a generator of its own, found by name."""

import hashlib

import torch

LARGEST_SEED = 2**63 - 1


def stream_seed(seed: int, name: str) -> int:
    """The seed of the stream `name` of a trial with this seed; the same on every machine."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") & LARGEST_SEED


def stream(seed: int, name: str, device: str = "cpu") -> torch.Generator:
    """A fresh generator at the start of its stream."""
    return torch.Generator(device=device).manual_seed(stream_seed(seed, name))
