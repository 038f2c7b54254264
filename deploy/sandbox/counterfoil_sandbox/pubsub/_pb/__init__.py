"""Generated from pubsub_api.proto, which says how."""
