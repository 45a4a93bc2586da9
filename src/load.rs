//! Load bots that speak real ICE, DTLS and SRTP through the native door.
