//! What every end-to-end test needs: the server, clients, tokens, chance and patience.

pub mod ports;
pub mod postgres;
pub mod random;
pub mod server;
pub mod socket;
pub mod tcp;
pub mod token;
pub mod wait;
