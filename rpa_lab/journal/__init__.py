"""The append-only half of the store: where files lie, how rows become bytes, how bytes become a file. No Polars."""
