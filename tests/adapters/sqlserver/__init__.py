"""SQL Server's adapter, over a real TDS connection to a stand-in, and its pure parts."""
