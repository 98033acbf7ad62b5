"""Real database servers that the tests start themselves: own data folder, own loopback port, stopped by process id.

One module per engine; each finds or fetches the programs, starts a server only when a test asks for it, and says
through `required.missing` when there is none. Nothing here knows the adapters or the ledger.
"""
