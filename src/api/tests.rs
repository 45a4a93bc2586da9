//! The front doors against a running server.
