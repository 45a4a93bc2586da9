//! Wire codecs. Sans-I/O.
