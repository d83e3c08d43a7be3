"""Dexterous demonstrations in, a policy that recovers out, proved on one frozen panel of trials."""

__version__ = "0.1.0"
