//! The SFU proper. Sans-I/O.
