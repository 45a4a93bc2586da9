//! A seeded model of a bad network.
