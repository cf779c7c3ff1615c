"""Which printing, which finish, which language: read from the card itself."""
