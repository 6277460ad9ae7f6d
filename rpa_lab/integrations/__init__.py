"""Other people's records in, ours out. `source` says what an importer is; `importing` runs one."""
