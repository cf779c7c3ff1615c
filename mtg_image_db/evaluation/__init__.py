"""Measure on labelled photos how well cards are recognised."""
