"""Every trigger, cancel and crash against running services, a real ledger and real instances."""
