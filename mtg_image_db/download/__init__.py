"""Fetch card images: a plan, parallel fetches, a ledger of outcomes."""
