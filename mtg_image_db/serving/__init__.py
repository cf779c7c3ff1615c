"""The collection in a browser, and the API: `mtg-db serve`."""
