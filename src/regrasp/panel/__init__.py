"""The frozen panel: its cases, their trials, and what the rows allow to be concluded."""
