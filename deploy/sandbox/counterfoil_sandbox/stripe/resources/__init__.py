"""The imitated resources of the API, one module each."""
