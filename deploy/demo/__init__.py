"""The demonstration: a sandbox and a service on this machine, and a story told with their own figures."""
