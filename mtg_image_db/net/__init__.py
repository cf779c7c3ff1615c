"""Network access: sessions, retries, allowed hosts, proxies and certificates."""
