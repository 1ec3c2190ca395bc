//! The HTTP service: wire types, statuses, limits, shutdown.
