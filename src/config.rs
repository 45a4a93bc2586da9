//! Configuration: plain structs, validated.
