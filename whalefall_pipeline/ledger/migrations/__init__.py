"""The ledger's migrations, one file a revision, numbered."""
