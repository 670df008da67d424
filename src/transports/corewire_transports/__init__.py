"""Clients: import one of ``anyio`` (asyncio and trio), ``threads``, ``blocking``. Same names, same semantics."""
